// Command sweep finds out which vLLM flags serve a load best.
package main

import (
	"os"
)

func main() {
	os.Exit(Main(system()))
}
