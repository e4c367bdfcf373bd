package loadgen

import (
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// processors is how many processors this process may use: GOMAXPROCS, no more
// than its affinity allows, and no more than the quota of its control groups,
// which may be a part of one (GOMAXPROCS never goes below 2 for a quota).
func processors() float64 {
	n := float64(min(runtime.GOMAXPROCS(0), runtime.NumCPU()))
	if quota := cpuQuota("/"); quota > 0 {
		n = min(n, quota)
	}
	return n
}

// cpuQuota is the smallest quota of the control groups that this process is
// in, in processors; 0: none, or not to be told. root is where the file system
// begins.
func cpuQuota(root string) float64 {
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0 // no Linux
	}
	mounts, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return 0
	}
	least := 0.0
	for line := range strings.Lines(string(groups)) {
		// hierarchy:controllers:path; the unified hierarchy is 0 without controllers.
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || f[1] != "" && !has(f[1], "cpu") {
			continue
		}
		mount, inside := mountOf(string(mounts), f[1] == "")
		if mount == "" {
			continue
		}
		group := "/" + strings.TrimPrefix(strings.TrimPrefix(f[2], inside), "/")
		for ; ; group = path.Dir(group) { // the quotas of the groups above hold too
			if q := quotaOf(filepath.Join(root, mount, group)); q > 0 && (least == 0 || q < least) {
				least = q
			}
			if group == "/" {
				break
			}
		}
	}
	return least
}

// has says whether a list with commas names an item.
func has(list, item string) bool {
	for s := range strings.SplitSeq(list, ",") {
		if s == item {
			return true
		}
	}
	return false
}

// mountOf finds where a hierarchy is mounted, and which of its directories: the
// unified one, or that of the cpu controller (man 5 proc, mountinfo).
func mountOf(mounts string, unified bool) (point, inside string) {
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if len(f) < 5 || len(g) < 3 {
			continue
		}
		if unified && g[0] == "cgroup2" || !unified && g[0] == "cgroup" && has(g[2], "cpu") {
			return f[4], f[3]
		}
	}
	return "", ""
}

// quotaOf is the quota of one control group in processors, 0 without one.
func quotaOf(dir string) float64 {
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil { // "max"
			return 0
		}
		return v
	}
	var quota, period float64
	if b, err := os.ReadFile(filepath.Join(dir, "cpu.max")); err == nil {
		if f := strings.Fields(string(b)); len(f) == 2 {
			quota, period = number(f[0]), number(f[1])
		}
	} else {
		read := func(name string) float64 {
			b, _ := os.ReadFile(filepath.Join(dir, name)) // absent: no quota
			return number(strings.TrimSpace(string(b)))
		}
		quota, period = read("cpu.cfs_quota_us"), read("cpu.cfs_period_us")
	}
	if quota <= 0 || period <= 0 {
		return 0
	}
	return quota / period
}
