package telemetry

// A cause for which the driver lowers clocks: a bit of ThrottleReasons
// (nvml.h, nvmlClocksEventReason*).
type cause struct {
	bit  uint64
	name string
	// harmful: the GPU is slower than its configuration asks for, for a reason
	// that comes and goes. The power cap is not: boards of the data centre reach
	// it under any heavy load, in every trial alike.
	harmful bool
}

var causes = []cause{
	{0x04, "power_cap", false},
	{0x08, "hardware_slowdown", true},
	{0x10, "sync_boost", false},
	{0x20, "thermal_software", true},
	{0x40, "thermal_hardware", true},
	{0x80, "power_brake", true},
}

// Harmful says whether time throttled for that cause makes a trial doubtful.
func Harmful(name string) bool {
	for _, c := range causes {
		if c.name == name {
			return c.harmful
		}
	}
	return false
}

// CausesOf names the causes in a mask of throttle reasons; idleness and
// settings of clocks are none.
func CausesOf(mask uint64) []string {
	var out []string
	for _, c := range causes {
		if mask&c.bit != 0 {
			out = append(out, c.name)
		}
	}
	return out
}
