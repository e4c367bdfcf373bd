package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/wording"
)

// System is the one door to the operating system: arguments, environment,
// streams and signals. Commands get everything through it.
type System struct {
	Args      []string // without the program's name
	LookupEnv func(string) (string, bool)
	Stdout    io.Writer
	Stderr    io.Writer
	// Name is the program as it was called: what a hint must write to call it
	// again where it is not on the PATH. "" stands for sweep.
	Name string
	// Self is the path of this program, which is started again as the reference
	// server of a calibration, and beside which the simulated server is looked
	// for.
	Self string
	// OutTTY and ErrTTY tell whether the streams are terminals that understand
	// escape sequences; Width returns the columns of stderr's terminal, OutWidth
	// those of stdout's, 0 where that is none.
	OutTTY, ErrTTY bool
	Colour         bool // of diagnostics on stderr
	OutColor       bool // of results on stdout
	Width          func() int
	OutWidth       func() int
	// Exit ends the program at once, for a second interrupt.
	Exit func(int)

	screen *screen // owns Stderr; nil: nobody does, and writing to it may block
}

// Host is the system that this process runs on.
func Host() *System {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	capable := os.Getenv("TERM") != "dumb"
	outTTY := capable && term.IsTerminal(int(os.Stdout.Fd()))
	errTTY := capable && term.IsTerminal(int(os.Stderr.Fd()))
	_, noColour := os.LookupEnv("NO_COLOR")
	return &System{
		Name: otherName(os.Args[0]), Args: os.Args[1:], LookupEnv: os.LookupEnv, Stdout: os.Stdout, Stderr: os.Stderr, Self: self,
		OutTTY: outTTY,
		ErrTTY: errTTY,
		Colour: errTTY && !noColour, OutColor: outTTY && !noColour,
		Width: func() int {
			w, _, err := term.GetSize(int(os.Stderr.Fd()))
			if err != nil || w < 1 {
				return 80
			}
			return w
		},
		OutWidth: func() int {
			w, _, err := term.GetSize(int(os.Stdout.Fd()))
			if err != nil {
				return 0
			}
			return w
		},
		Exit: os.Exit,
	}
}

// interruptible returns a context that the first SIGINT or SIGTERM cancels
// before note says so; the second ends the program with exit code 130 as soon
// as last has returned, the third at once. From here on, nothing waits for the
// reader of stderr.
// SIGHUP and SIGPIPE are ignored: a run must outlive the SSH connection it was
// started from, and the pager or tee that it was piped into.
func (sys *System) interruptible(ctx context.Context, note func(), last ...func()) (context.Context, func()) {
	screen := sys.onScreen(progressPlain)
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// Caught and dropped rather than ignored: servers would inherit the latter.
	dropped := make(chan os.Signal, 1)
	signal.Notify(dropped, syscall.SIGHUP, syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		for n := 1; ; n++ {
			select {
			case <-done:
				return
			case <-signals:
				switch n {
				case 1:
					cancel()
					note()
				case 2:
					go func() {
						for _, f := range last {
							f()
						}
						screen.Flush()
						sys.Exit(exitInterrupted)
					}()
				default:
					sys.Exit(exitInterrupted)
					return
				}
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		signal.Stop(dropped)
		close(done)
		cancel()
	}
}

// otherName is how the program was called, when not as sweep.
func otherName(arg string) string {
	if arg == "sweep" {
		return ""
	}
	return arg
}

// commands finds the commands of this program in a text.
var commands = regexp.MustCompile("(^|[\\s'\"`(])sweep (--help|analyze|bench|calibrate|clean|compare|completion|doctor|explain|export|help|import|init|plan|plot|" +
	"report|run|schema|serve|status|validate|version)\\b")

// called is text with the commands of this program in it as it was called, so
// that they can be copied.
func (sys *System) called(text string) string {
	if sys.Name == "" {
		return text
	}
	return commands.ReplaceAllString(text, "${1}"+strings.ReplaceAll(say.ShellWord(sys.Name), "$", "$$")+" ${2}")
}

// say prints a line for people on stderr: errors in plain words, commands as
// this program was called.
func (sys *System) say(format string, args ...any) {
	fmt.Fprintln(sys.Stderr, sys.plainly(fmt.Sprintf(format, args...)))
}

func (sys *System) plainly(text string) string { return sys.called(wording.Plain(text)) }
