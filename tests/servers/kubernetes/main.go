// A Kubernetes control plane in one program, for tests: etcd, the API server or the controller manager, by the name that it is called by. No
// package registry has their programs, while the Go module proxy has what they are made of. Each takes the flags of the program that it is.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // Time zones of CronJobs; tests may run where there are none.

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	// Nothing of a program is made before it is known to be the one: two of them take the process's signals for themselves, which works once.
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "%s: call it etcd, kube-apiserver or kube-controller-manager, by a link\n", name)
		os.Exit(64)
	}
}
