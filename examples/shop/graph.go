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
		"/browse":   {kind: render, base: 24, item: 4, stages: [][]call{{{"catalog", "/list"}, {"recommend", "/suggest"}}}},
		"/cart":     {kind: render, base: 18, item: 4, stages: [][]call{{{"cart", "/show"}}}},
		"/checkout": {kind: render, base: 24, item: 3, stages: [][]call{{{"checkout", "/order"}}}},
	},
	"catalog": {
		"/list":     {kind: search, base: 30, item: 9},
		"/features": {kind: search, base: 12, item: 4},
		"/reserve":  {kind: digest, base: 15, item: 4},
	},
	"recommend": {
		"/suggest": {kind: score, base: 60, item: 21, stages: [][]call{{{"catalog", "/features"}}}},
	},
	"cart": {
		"/show": {kind: render, base: 30, item: 8, stages: [][]call{{{"catalog", "/list"}, {"pricing", "/quote"}}}},
	},
	"pricing": {
		"/quote": {kind: score, base: 30, item: 18},
	},
	"checkout": {
		"/order": {kind: digest, base: 60, item: 12, stages: [][]call{
			{{"cart", "/show"}},
			{{"payment", "/authorize"}, {"catalog", "/reserve"}},
		}},
	},
	"payment": {
		"/authorize": {kind: digest, base: 135, item: 6},
	},
}

func names() []string { return slices.Sorted(maps.Keys(services)) }
