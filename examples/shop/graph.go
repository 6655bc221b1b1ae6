package main

import (
	"maps"
	"slices"
)

// A call is one request to another service.
type call struct{ service, route string }

// A route does its own work first, then its stages one after the other; the calls of a stage run side by side.
type route struct {
	kind   workKind
	base   int // steps of work a request
	item   int // further steps for each item in the request
	stages [][]call
}

// services is the shop: who answers what, at which price, and whom it asks.
//
//	gateway /browse   -> catalog /list | recommend /suggest -> catalog /features
//	gateway /cart     -> cart /show    -> catalog /list | pricing /quote
//	gateway /checkout -> checkout /order -> cart /show (as above), then payment /authorize | catalog /reserve
var services = map[string]map[string]route{
	"gateway": {
		"/browse":   {kind: render, base: 32, item: 6, stages: [][]call{{{"catalog", "/list"}, {"recommend", "/suggest"}}}},
		"/cart":     {kind: render, base: 24, item: 6, stages: [][]call{{{"cart", "/show"}}}},
		"/checkout": {kind: render, base: 32, item: 4, stages: [][]call{{{"checkout", "/order"}}}},
	},
	"catalog": {
		"/list":     {kind: search, base: 40, item: 12},
		"/features": {kind: search, base: 16, item: 6},
		"/reserve":  {kind: digest, base: 20, item: 6},
	},
	"recommend": {
		"/suggest": {kind: score, base: 80, item: 28, stages: [][]call{{{"catalog", "/features"}}}},
	},
	"cart": {
		"/show": {kind: render, base: 40, item: 10, stages: [][]call{{{"catalog", "/list"}, {"pricing", "/quote"}}}},
	},
	"pricing": {
		"/quote": {kind: score, base: 40, item: 24},
	},
	"checkout": {
		"/order": {kind: digest, base: 80, item: 16, stages: [][]call{
			{{"cart", "/show"}},
			{{"payment", "/authorize"}, {"catalog", "/reserve"}},
		}},
	},
	"payment": {
		"/authorize": {kind: digest, base: 180, item: 8},
	},
}

func names() []string { return slices.Sorted(maps.Keys(services)) }
