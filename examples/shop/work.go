package main

import (
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"slices"
)

// A workKind is one sort of CPU work. A step of each takes 0.03 to 0.04 ms of one core (AMD EPYC, `go test -bench Step`);
// steps, not time, are what a request costs, so that a throttled or busy CPU makes it slower instead of cheaper.
type workKind func(steps int, seed uint64) uint32

// Items in a request: most carry a few, some many (log-normal, median 4, 99th percentile 16).
const (
	itemsMedian = 4.0
	itemsSigma  = 0.6
	itemsMost   = 24
)

type product struct {
	ID       int       `json:"id"`
	Name     string    `json:"name"`
	Cents    int       `json:"cents"`
	Stock    int       `json:"stock"`
	Tags     []string  `json:"tags"`
	Features []float32 `json:"features"`
}

// stock is what the shop sells; the same in every process and run.
var stock = func() []product {
	random := rand.New(rand.NewPCG(1, 2))
	adjectives := []string{"plain", "striped", "folding", "quiet", "heavy", "spare"}
	nouns := []string{"kettle", "lamp", "ladder", "clock", "valve", "bearing"}
	products := make([]product, 256)
	for i := range products {
		adjective, noun := adjectives[random.IntN(len(adjectives))], nouns[random.IntN(len(nouns))]
		features := make([]float32, 32)
		for j := range features {
			features[j] = float32(random.NormFloat64())
		}
		products[i] = product{i, adjective + " " + noun, 100 + random.IntN(20000), random.IntN(500), []string{adjective, noun}, features}
	}
	return products
}()

func drawItems() int {
	drawn := itemsMedian * math.Exp(itemsSigma*rand.NormFloat64())
	return min(itemsMost, max(1, int(math.Round(drawn))))
}

// render encodes products as JSON and compresses the text, as for a page.
func render(steps int, seed uint64) uint32 {
	sum := crc32.NewIEEE()
	packed := gzip.NewWriter(io.Discard)
	for step := range steps {
		at := int(seed+uint64(step)) % (len(stock) - 2)
		text, err := json.Marshal(stock[at : at+2])
		if err != nil {
			panic(err) // products always encode
		}
		sum.Write(text)
		packed.Write(text) // io.Discard never fails
	}
	packed.Close()
	return sum.Sum32()
}

// search filters and sorts products, as for a list.
func search(steps int, seed uint64) uint32 {
	var sum uint32
	found := make([]product, 0, len(stock))
	for step := range steps {
		found = found[:0]
		least := int(seed+uint64(step)*37) % 400
		for _, item := range stock {
			if item.Stock >= least {
				found = append(found, item)
			}
		}
		slices.SortFunc(found, func(a, b product) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Cents, b.Cents))
		})
		for i, item := range found {
			sum += uint32(i * item.ID)
		}
	}
	return sum
}

// score multiplies feature vectors, as for a recommendation or a price.
func score(steps int, seed uint64) uint32 {
	var best float32
	for step := range steps {
		mine := stock[int(seed+uint64(step))%len(stock)].Features
		for range 5 {
			for _, item := range stock {
				var product float32
				for j, feature := range item.Features {
					product += feature * mine[j]
				}
				best = max(best*0.999, product)
			}
		}
	}
	return math.Float32bits(best)
}

// digest chains SHA-256 over 48 KiB, as for a signature.
func digest(steps int, seed uint64) uint32 {
	block := make([]byte, 48<<10)
	for i := range block {
		block[i] = byte(seed >> (8 * (i % 8)))
	}
	for range steps {
		sum := sha256.Sum256(block)
		copy(block, sum[:])
	}
	return crc32.ChecksumIEEE(block)
}
