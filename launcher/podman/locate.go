package podman

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// destination is where a podman service is, and how to be let in.
type destination struct {
	URI       string
	Identity  string // file of an SSH key
	IsMachine bool   // a virtual machine that podman itself runs
}

// locator finds the service as podman's own client does.
type locator struct {
	env func(string) string
	uid int
}

func hostLocator() locator { return locator{env: os.Getenv, uid: os.Getuid()} }

// find returns the address given, the connection named (as podman --connection
// does), the address of CONTAINER_HOST, the connection named by
// CONTAINER_CONNECTION, the default connection of podman's configuration, or
// the socket of this user, in that order.
func (l locator) find(given, named string) (destination, error) {
	identity := l.env("CONTAINER_SSHKEY")
	if given != "" {
		return destination{URI: given, Identity: identity}, nil
	}
	if named != "" {
		d, _, err := l.configured(named)
		return d, err
	}
	if host := l.env("CONTAINER_HOST"); host != "" {
		return destination{URI: host, Identity: identity}, nil
	}
	d, found, err := l.configured(l.env("CONTAINER_CONNECTION"))
	if err != nil || found {
		return d, err
	}
	return destination{URI: "unix://" + l.socket()}, nil
}

// socket is that of the user's own service if it is there, otherwise root's if
// that is.
func (l locator) socket() string {
	const rootful = "/run/podman/podman.sock"
	if l.uid == 0 {
		return rootful
	}
	dir := l.env("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = "/run/user/" + strconv.Itoa(l.uid)
	}
	rootless := filepath.Join(dir, "podman", "podman.sock")
	if !exists(rootless) && exists(rootful) {
		return rootful
	}
	return rootless
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// configured looks up the connection named, or without a name the default
// one: that of podman-connections.json (written by `podman system
// connection`), else active_service of containers.conf. The connections of
// both files can be named.
func (l locator) configured(asked string) (destination, bool, error) {
	name, known, err := l.containersConf()
	if err != nil {
		return destination{}, false, err
	}
	path := l.env("PODMAN_CONNECTIONS_CONF")
	if path == "" {
		path = filepath.Join(l.configDir(), "podman-connections.json")
	}
	var file struct {
		Connection struct {
			Default     string
			Connections map[string]destination
		}
	}
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return destination{}, false, fmt.Errorf("read podman's connections in %s: %w", path, err)
	}
	for n, d := range file.Connection.Connections {
		known[n] = d
	}
	if file.Connection.Default != "" {
		name = file.Connection.Default
	}
	if asked != "" {
		name = asked
	}
	if name == "" {
		return destination{}, false, nil
	}
	d, ok := known[name]
	if !ok {
		return d, false, fmt.Errorf("podman has no connection %q (it has %s); to add it: podman system connection add %s ADDRESS",
			name, cmp.Or(strings.Join(slices.Sorted(maps.Keys(known)), ", "), "none"), name)
	}
	return d, true, nil
}

func (l locator) configDir() string {
	dir := l.env("XDG_CONFIG_HOME")
	if dir == "" {
		dir = filepath.Join(l.env("HOME"), ".config")
	}
	return filepath.Join(dir, "containers")
}

// containersConf reads active service and destinations from containers.conf;
// later files win, CONTAINERS_CONF replaces them all.
func (l locator) containersConf() (active string, known map[string]destination, err error) {
	files := []string{
		"/usr/share/containers/containers.conf",
		"/etc/containers/containers.conf",
		filepath.Join(l.configDir(), "containers.conf"),
	}
	if only := l.env("CONTAINERS_CONF"); only != "" {
		files = []string{only}
	}
	known = map[string]destination{}
	for _, path := range files {
		var conf struct {
			Engine struct {
				ActiveService       string `toml:"active_service"`
				ServiceDestinations map[string]struct {
					URI       string `toml:"uri"`
					Identity  string `toml:"identity"`
					IsMachine bool   `toml:"is_machine"`
				} `toml:"service_destinations"`
			} `toml:"engine"`
		}
		_, err := toml.DecodeFile(path, &conf)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, fmt.Errorf("read podman's configuration in %s: %w", path, err)
		}
		if conf.Engine.ActiveService != "" {
			active = conf.Engine.ActiveService
		}
		for name, d := range conf.Engine.ServiceDestinations {
			known[name] = destination(d)
		}
	}
	return active, known, nil
}
