// Command shop is a small web shop: seven HTTP services in one program, each burning real CPU on each request.
//
// It is the application that Flyball's demo measures and steers. SERVICE says which of the seven this process plays; graph.go holds who calls
// whom, work.go what the CPU does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Longer than any request may take, so that a rollout loses none.
const shutdownGrace = 6 * time.Second

func main() {
	service := flag.String("service", os.Getenv("SERVICE"), "which service to play: "+strings.Join(names(), ", "))
	listen := flag.String("listen", ":8080", "address to listen on")
	flag.Parse()
	if err := run(*service, *listen); err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

func run(name, listen string) error {
	service, known := services[name]
	if !known {
		return fmt.Errorf("no service is called %q; -service or SERVICE must be one of %s", name, strings.Join(names(), ", "))
	}
	handler, err := newHandler(name, service, newCaller(address))
	if err != nil {
		return err
	}
	server := &http.Server{Addr: listen, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan error, 1)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	go func() {
		<-ctx.Done()
		grace, done := context.WithTimeout(context.Background(), shutdownGrace)
		defer done()
		stopped <- server.Shutdown(grace)
	}()
	slog.Info("serving", "service", name, "address", listen)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
