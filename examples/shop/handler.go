package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Bounds of the latency histogram in seconds. 0.2 is the objective of the demo; those around it show where an objective might lie instead.
var buckets = []float64{.005, .01, .02, .03, .05, .075, .1, .125, .15, .175, .2, .225, .25, .3, .4, .5, .75, 1, 2.5, 5}

type answer struct {
	Service string `json:"service"`
	Route   string `json:"route"`
	Items   int    `json:"items"`
	Result  uint32 `json:"result"`
}

// newHandler serves one service's routes, /metrics and /healthz. The histogram counts routes alone.
func newHandler(name string, routes map[string]route, calls *caller) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "http_request_duration_seconds",
		Help:    "Time from the request's arrival to the end of the answer.",
		Buckets: buckets,
	}, []string{"service", "route", "code"})
	for _, collector := range []prometheus.Collector{durations, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	for path, route := range routes {
		durations.WithLabelValues(name, path, "200") // known from the start, so that the first request is an increase
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			begun := time.Now()
			code := serve(w, r, name, path, route, calls)
			durations.WithLabelValues(name, path, strconv.Itoa(code)).Observe(time.Since(begun).Seconds())
		})
	}
	return mux, nil
}

// serve works, asks, answers, and returns the status code.
func serve(w http.ResponseWriter, r *http.Request, name, path string, route route, calls *caller) int {
	items, seed := drawItems(), rand.Uint64N(1<<32)
	if text := r.URL.Query().Get("items"); text != "" {
		asked, err := strconv.Atoi(text)
		if err != nil || asked < 1 || asked > itemsMost {
			http.Error(w, fmt.Sprintf("items must be a number from 1 to %d", itemsMost), http.StatusBadRequest)
			return http.StatusBadRequest
		}
		items = asked
	}
	result := route.kind(route.base+route.item*items, seed)
	query := "items=" + strconv.Itoa(items) // a large order is work for everyone behind it
	for _, stage := range route.stages {
		if err := calls.together(r.Context(), stage, query); err != nil {
			slog.Warn("call failed", "route", path, "error", err)
			http.Error(w, err.Error(), http.StatusBadGateway)
			return http.StatusBadGateway
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer{name, path, items, result}); err != nil {
		slog.Warn("answer not sent", "route", path, "error", err) // the client has gone
	}
	return http.StatusOK
}
