package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	moby "github.com/moby/moby/client"
)

// locator finds the service as the docker command does.
type locator struct{ env func(string) string }

// find returns the address given, that of the context named, of DOCKER_HOST,
// of the context named by DOCKER_CONTEXT or by docker's configuration, or the
// usual socket, in that order.
func (l locator) find(given, named string) (string, error) {
	if given != "" {
		return given, nil
	}
	if named == "" {
		if host := l.env("DOCKER_HOST"); host != "" {
			return host, nil
		}
		if named = l.env("DOCKER_CONTEXT"); named == "" {
			var err error
			if named, err = l.current(); err != nil {
				return "", err
			}
		}
	}
	if named == "" || named == "default" {
		return moby.DefaultDockerHost, nil
	}
	return l.context(named)
}

func (l locator) dir() string {
	if dir := l.env("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(l.env("HOME"), ".docker")
}

// current is the context that `docker context use` chose.
func (l locator) current() (string, error) {
	var file struct{ CurrentContext string }
	path := filepath.Join(l.dir(), "config.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err != nil {
		return "", fmt.Errorf("read docker's configuration in %s: %w", path, err)
	}
	return file.CurrentContext, nil
}

// context reads a context's address; its folder is named after the SHA-256 of
// its name.
func (l locator) context(name string) (string, error) {
	sum := sha256.Sum256([]byte(name))
	path := filepath.Join(l.dir(), "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json")
	var file struct {
		Endpoints map[string]struct{ Host string }
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("docker has no context %q; to list them: docker context ls", name)
	}
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err != nil {
		return "", fmt.Errorf("read docker's context in %s: %w", path, err)
	}
	if host := file.Endpoints["docker"].Host; host != "" {
		return host, nil
	}
	return moby.DefaultDockerHost, nil
}
