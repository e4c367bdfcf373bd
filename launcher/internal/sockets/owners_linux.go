package sockets

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const stateListen = "0A" // TCP_LISTEN in include/net/tcp_states.h

// Listeners returns the sockets that receive connections to 127.0.0.1:port:
// those that listen there or on all addresses. There may be several, of
// different owners, when they share the port with SO_REUSEPORT.
func Listeners(port int) ([]Listener, error) {
	byInode := map[string]*Listener{}
	var out []*Listener
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		err := readTable(table, port, func(inode string, l Listener) {
			byInode[inode] = &l
			out = append(out, &l)
		})
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("read listening sockets: %w", err)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	if err := findHolders(byInode); err != nil {
		return nil, err
	}
	listeners := make([]Listener, len(out))
	for i, l := range out {
		listeners[i] = *l
	}
	return listeners, nil
}

// readTable reads one table in the format of proc_net_tcp(5):
// "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode".
func readTable(path string, port int, found func(inode string, l Listener)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != stateListen {
			continue
		}
		addr, ok := parseAddress(fields[1])
		if !ok || int(addr.Port()) != port || !reachesLoopback(addr.Addr()) {
			continue
		}
		uid, _ := strconv.Atoi(fields[7])
		found(fields[9], Listener{Address: addr.String(), UID: uid})
	}
	return lines.Err()
}

func reachesLoopback(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsUnspecified() || (a.Is4() && a.IsLoopback())
}

// parseAddress reads "0100007F:1F90": 32-bit words in host byte order, and a
// port in network byte order.
func parseAddress(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	if !ok {
		return netip.AddrPort{}, false
	}
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a, uint16(p)), ok
}

// findHolders adds to each socket the processes that have it open. Processes
// of other users cannot be looked into and are left out.
func findHolders(byInode map[string]*Listener) error {
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("read processes: %w", err)
	}
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		seen := map[*Listener]bool{}
		dir := filepath.Join("/proc", p.Name(), "fd")
		fds, _ := os.ReadDir(dir)
		for _, fd := range fds {
			target, err := os.Readlink(filepath.Join(dir, fd.Name()))
			if err != nil {
				continue
			}
			inode, isSocket := strings.CutPrefix(target, "socket:[")
			l := byInode[strings.TrimSuffix(inode, "]")]
			if isSocket && l != nil && !seen[l] {
				seen[l] = true
				l.PIDs = append(l.PIDs, pid)
			}
		}
	}
	return nil
}

func processName(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "gone"
	}
	return strings.TrimSpace(string(name))
}
