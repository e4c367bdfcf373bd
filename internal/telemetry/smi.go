package telemetry

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/boundary"
)

// smiTimeout bounds one call of nvidia-smi, which can hang with a sick driver.
const smiTimeout = 10 * time.Second

// smiLoop is the time between two tables of a looping nvidia-smi. A process a
// sample would cost tens of milliseconds of a core each.
const smiLoop = time.Second

// smiStale is the age beyond which a table counts as lost.
const smiStale = 5 * time.Second

// Columns asked of nvidia-smi, in this order. All of them are older than the
// drivers that vLLM runs on.
const smiQuery = "index,name,uuid,driver_version,memory.total,memory.used,temperature.gpu,utilization.gpu,power.draw,clocks.sm," +
	"utilization.memory,temperature.memory,clocks.mem,clocks_throttle_reasons.active,ecc.errors.corrected.volatile.total,ecc.errors.uncorrected.volatile.total"

// smiColumns are the quantities behind the columns from the seventh on.
var smiColumns = []struct {
	metric string
	unit   float64
}{
	{Temperature, 1}, {SMUtilisation, 0.01}, {Power, 1}, {SMClock, 1}, {MemoryUtilisation, 0.01}, {MemoryTemperature, 1},
	{MemoryClock, 1}, {ThrottleReasons, 1}, {ECCCorrected, 1}, {ECCUncorrected, 1},
}

type smiRow struct {
	device Device
	driver string
	sample Sample
}

// smiGPUs reads GPUs through a looping nvidia-smi: on this host, or wherever
// the command runs it (in a side container, over ssh).
type smiGPUs struct {
	command []string
	source  string
	driver  string
	devices []Device

	mu     sync.Mutex
	latest map[int]timedRow
	loop   *smiProcess // nil: not begun, or ended
}

type timedRow struct {
	row smiRow
	at  time.Time
}

// OpenCommand reads GPUs through a command that runs nvidia-smi somewhere; the
// query is appended to it. Processes and driver errors are not seen that way.
func OpenCommand(ctx context.Context, command []string) (GPUs, error) {
	g, err := openSMI(ctx, command...)
	if err != nil {
		return nil, err
	}
	g.source = "command " + command[0]
	return g, nil
}

func openSMI(ctx context.Context, command ...string) (*smiGPUs, error) {
	ctx, cancel := context.WithTimeout(ctx, smiTimeout)
	defer cancel()
	args := append(append([]string{}, command[1:]...), "--query-gpu="+smiQuery, "--format=csv,noheader,nounits")
	cmd := exec.CommandContext(ctx, command[0], args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w%s", ErrNoGPU, strings.Join(command, " "), err, said(err))
	}
	rows, err := parseSMI(string(out))
	if err != nil {
		return nil, err
	}
	g := &smiGPUs{command: command, source: "nvidia-smi", latest: map[int]timedRow{}}
	for _, r := range rows {
		g.driver = r.driver
		g.devices = append(g.devices, r.device)
		g.latest[r.device.Index] = timedRow{r, time.Now()}
	}
	return g, nil
}

// said is what a failed command wrote to its standard error, on one line.
func said(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || len(bytes.TrimSpace(exit.Stderr)) == 0 {
		return ""
	}
	return ": " + strings.Join(strings.Fields(string(exit.Stderr)), " ")
}

func (g *smiGPUs) Source() string       { return g.source }
func (g *smiGPUs) Driver() string       { return g.driver }
func (g *smiGPUs) Devices() []Device    { return g.devices }
func (g *smiGPUs) Least() time.Duration { return smiLoop }

// Sample returns the newest table of the loop, which the first call begins.
func (g *smiGPUs) Sample(context.Context) ([]Sample, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.loop == nil || g.loop.ended() {
		was := g.loop
		loop, err := startSMI(g)
		if err != nil {
			return nil, err
		}
		g.loop = loop
		if was != nil {
			return nil, fmt.Errorf("%s ended: %w; begun again", g.source, was.err)
		}
	}
	out := make([]Sample, 0, len(g.devices))
	for _, d := range g.devices {
		r := g.latest[d.Index]
		if age := time.Since(r.at); age > smiStale {
			return nil, fmt.Errorf("%s has said nothing of GPU %d for %s", g.source, d.Index, age.Round(time.Second))
		}
		out = append(out, r.row.sample)
	}
	return out, nil
}

func (g *smiGPUs) Close() error {
	g.mu.Lock()
	loop := g.loop
	g.loop = nil
	g.mu.Unlock()
	if loop != nil {
		loop.stop()
	}
	return nil
}

// smiProcess is one looping nvidia-smi.
type smiProcess struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // after done
}

func startSMI(g *smiGPUs) (*smiProcess, error) {
	ctx, cancel := context.WithCancel(context.Background())
	args := append(append([]string{}, g.command[1:]...), "--query-gpu="+smiQuery, "--format=csv,noheader,nounits",
		fmt.Sprintf("--loop-ms=%d", smiLoop.Milliseconds()))
	cmd := exec.CommandContext(ctx, g.command[0], args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: %s: %w", ErrNoGPU, g.source, err)
	}
	p := &smiProcess{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		fault := boundary.Guard("nvidia-smi's table", func() error { return g.follow(out) })
		if fault != nil {
			cancel() // nobody reads what it writes
		}
		switch err := cmd.Wait(); {
		case fault != nil:
			p.err = fault
		case err != nil:
			p.err = err
		default:
			p.err = errors.New("exit code 0")
		}
	}()
	return p, nil
}

// follow keeps the newest row of each GPU.
func (g *smiGPUs) follow(out io.Reader) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if rows, err := parseSMI(lines.Text() + "\n"); err == nil {
			g.mu.Lock()
			g.latest[rows[0].device.Index] = timedRow{rows[0], time.Now()}
			g.mu.Unlock()
		}
	}
	return lines.Err()
}

func (p *smiProcess) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *smiProcess) stop() {
	p.cancel()
	<-p.done
}

// parseSMI reads the CSV that nvidia-smi prints for smiQuery. A field that the
// GPU does not offer reads "[N/A]" or "[Not Supported]" and is left out;
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
		row := smiRow{
			device: Device{Index: index, Name: f[1], UUID: f[2], MemoryBytes: wholeBytes(total * mib)},
			driver: f[3],
			sample: Sample{Index: index, Values: map[string]float64{}},
		}
		put(row.sample.Values, &row.sample.Unusable, MemoryUsed, used*mib)
		for i, c := range smiColumns {
			if v, ok := smiNumber(f[6+i]); ok {
				put(row.sample.Values, &row.sample.Unusable, c.metric, v*c.unit)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// wholeBytes is a size in bytes, 0 where it is none.
func wholeBytes(v float64) uint64 {
	if !(v >= 0 && v < 1<<60) {
		return 0
	}
	return uint64(v)
}

// smiNumber reads a decimal number or a bit mask in hexadecimal digits.
func smiNumber(s string) (float64, bool) {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		n, err := strconv.ParseUint(hex, 16, 64)
		return float64(n), err == nil
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}
