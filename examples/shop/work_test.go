package main

import "testing"

// Cost of a step of each kind; the comment on workKind holds what it should be.
func BenchmarkStep(b *testing.B) {
	for name, kind := range map[string]workKind{"render": render, "search": search, "score": score, "digest": digest} {
		b.Run(name, func(b *testing.B) {
			kind(b.N, 7)
		})
	}
}
