package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Below the 5 s after which the shop's clients give up, so that the one who waits hears why.
const callTimeout = 4 * time.Second

// A caller asks other services over connections that stay open.
type caller struct {
	client  *http.Client
	address func(service string) string
}

func newCaller(address func(string) string) *caller {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 64, // more than are ever busy at once, so that a burst opens connections once
		IdleConnTimeout:     90 * time.Second,
	}
	return &caller{client: &http.Client{Transport: transport, Timeout: callTimeout}, address: address}
}

// address finds a service by the variables that Kubernetes sets for each Service, which needs no cluster DNS; else by name.
func address(service string) string {
	prefix := strings.ToUpper(service) + "_SERVICE_"
	if host := os.Getenv(prefix + "HOST"); host != "" {
		return net.JoinHostPort(host, os.Getenv(prefix+"PORT"))
	}
	return service + ":8080"
}

// do asks one service and reads the whole answer.
func (c *caller) do(ctx context.Context, to call, query string) error {
	url := fmt.Sprintf("http://%s%s?%s", c.address(to.service), to.route, query)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s answered %s", to.service, to.route, answer.Status)
	}
	return nil
}

// together asks side by side and waits for all; the first error counts.
func (c *caller) together(ctx context.Context, calls []call, query string) error {
	answers := make(chan error, len(calls))
	for _, to := range calls {
		go func() { answers <- c.do(ctx, to, query) }()
	}
	var first error
	for range calls {
		if err := <-answers; err != nil && first == nil {
			first = err
		}
	}
	return first
}
