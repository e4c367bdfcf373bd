package loadgen

import (
	"os"
	"path/filepath"
	"testing"
)

// The quota of a container may be less than one processor, and stand with a
// group above.
func TestCPUQuota(t *testing.T) {
	const (
		v2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
		v1 = "31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n32 23 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
	)
	for name, c := range map[string]struct {
		groups, mounts string
		files          map[string]string
		want           float64
	}{
		"none":              {"0::/\n", v2, map[string]string{"sys/fs/cgroup/cpu.max": "max 100000\n"}, 0},
		"v2":                {"0::/box\n", v2, map[string]string{"sys/fs/cgroup/box/cpu.max": "50000 100000\n"}, 0.5},
		"v2, group above":   {"0::/box/in\n", v2, map[string]string{"sys/fs/cgroup/box/in/cpu.max": "max 100000\n", "sys/fs/cgroup/box/cpu.max": "150000 100000\n"}, 1.5},
		"v2, own namespace": {"0::/\n", v2, map[string]string{"sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2},
		"v1":                {"5:cpuset:/\n4:cpu,cpuacct:/box\n", v1, map[string]string{"sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "3000\n", "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n"}, 0.03},
		"v1, none":          {"4:cpu,cpuacct:/\n", v1, map[string]string{"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, 0},
		"v1, bind mount": {"4:cpu:/docker/8f1c\n", "31 23 0:27 /docker/8f1c /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
			map[string]string{"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "25000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "50000\n"}, 0.5},
		"no Linux": {"", "", nil, 0},
	} {
		root := t.TempDir()
		write := func(file, text string) {
			at := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if c.groups != "" {
			write("proc/self/cgroup", c.groups)
			write("proc/self/mountinfo", c.mounts)
		}
		for file, text := range c.files {
			write(file, text)
		}
		if got := cpuQuota(root); got != c.want {
			t.Errorf("%s: %v processors, want %v", name, got, c.want)
		}
	}
}
