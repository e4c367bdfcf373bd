package telemetry

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// smiTimeout bounds one call of nvidia-smi, which can hang with a sick driver.
const smiTimeout = 10 * time.Second

// Columns asked of nvidia-smi, in this order.
const smiQuery = "index,name,uuid,driver_version,memory.total,memory.used,temperature.gpu,utilization.gpu,power.draw,clocks.sm"

type smiRow struct {
	device Device
	driver string
	sample Sample
}

type smiGPUs struct {
	command string
	driver  string
	devices []Device
}

func openSMI(ctx context.Context, command string) (*smiGPUs, error) {
	rows, err := querySMI(ctx, command)
	if err != nil {
		return nil, err
	}
	g := &smiGPUs{command: command}
	for _, r := range rows {
		g.driver = r.driver
		g.devices = append(g.devices, r.device)
	}
	return g, nil
}

func (g *smiGPUs) Source() string    { return "nvidia-smi" }
func (g *smiGPUs) Driver() string    { return g.driver }
func (g *smiGPUs) Devices() []Device { return g.devices }
func (g *smiGPUs) Close() error      { return nil }

func (g *smiGPUs) Sample(ctx context.Context) ([]Sample, error) {
	rows, err := querySMI(ctx, g.command)
	if err != nil {
		return nil, err
	}
	out := make([]Sample, len(rows))
	for i, r := range rows {
		out[i] = r.sample
	}
	return out, nil
}

func querySMI(ctx context.Context, command string) ([]smiRow, error) {
	ctx, cancel := context.WithTimeout(ctx, smiTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, "--query-gpu="+smiQuery, "--format=csv,noheader,nounits")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoGPU, command, err)
	}
	return parseSMI(string(out))
}

// parseSMI reads the CSV that nvidia-smi prints for smiQuery. A field that the
// GPU does not offer reads "[N/A]" or "[Not Supported]" and becomes zero;
// index and memory must be there.
func parseSMI(text string) ([]smiRow, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.TrimLeadingSpace = true
	r.FieldsPerRecord = len(strings.Split(smiQuery, ","))
	records, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read nvidia-smi's table: %w", err)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%w: nvidia-smi lists none", ErrNoGPU)
	}
	rows := make([]smiRow, 0, len(records))
	for _, f := range records {
		index, err1 := strconv.Atoi(f[0])
		total, err2 := strconv.ParseFloat(f[4], 64)
		used, err3 := strconv.ParseFloat(f[5], 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, fmt.Errorf("read nvidia-smi's table: %w", err)
		}
		const mib = 1 << 20
		rows = append(rows, smiRow{
			device: Device{Index: index, Name: f[1], UUID: f[2], MemoryBytes: uint64(total * mib)},
			driver: f[3],
			sample: Sample{
				Index: index, MemoryUsed: uint64(used * mib), Temperature: optional(f[6]),
				Utilisation: optional(f[7]) / 100, Power: optional(f[8]), SMClock: optional(f[9]),
			},
		})
	}
	return rows, nil
}

func optional(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return v
}
