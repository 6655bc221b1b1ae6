// Command kit is every Kubernetes component that a test cluster needs, in one binary.
//
// The first argument (or the name it is called by) chooses the component; each component runs as a process of its own, so that
// one can be killed alone and none shares another's global state. Compiling them together costs one link instead of seven.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// components maps a component's name to the command that upstream builds for it; etcd takes the arguments itself.
var components = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubectl":                 func() *cobra.Command { return kubectl.NewDefaultKubectlCommand() },
}

func main() {
	name, args := component(os.Args)
	os.Args = args
	if name == "etcd" {
		etcdmain.Main(args)
		return
	}
	build, known := components[name]
	if !known {
		fmt.Fprintf(os.Stderr, "kit: unknown component %q; one of: %s\n", name, strings.Join(names(), ", "))
		os.Exit(2)
	}
	os.Exit(cli.Run(build()))
}

// component takes the component's name from the name the binary was called by or, when that is none, from the first argument.
func component(args []string) (string, []string) {
	called := filepath.Base(args[0])
	if _, known := components[called]; known || called == "etcd" || len(args) == 1 {
		return called, args
	}
	return args[1], args[1:]
}

func names() []string {
	all := []string{"etcd"}
	for name := range components {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
