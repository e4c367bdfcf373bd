package launcher

import (
	"encoding/json"
	"regexp"
	"strings"
)

// logLine is one line of a server's output, taken apart: what stands before
// its text says who wrote it and how grave it is.
type logLine struct {
	source string // the prefixes, without times: tells processes apart; "" without one
	deep   bool   // an engine or worker process, not the HTTP server in front
	front  bool   // the HTTP server, by its own prefix
	level  string // DEBUG, INFO, WARNING, ERROR, CRITICAL, or "" without one
	place  string // "core.py:1346" of a log record
	web    bool   // written by the web server (uvicorn), not by the engine's logger
	bar    bool   // a progress bar and nothing else
	text   string
}

// complains says whether the line may tell a cause: errors, and lines without
// a level, which tracebacks and argparse write.
func (l logLine) complains() bool {
	return l.level == "" || l.level == "ERROR" || l.level == "CRITICAL"
}

// key tells apart the records that are written at the same time: one process
// writes a traceback line by line, and others write between.
func (l logLine) key() string { return l.source + "\x00" + l.level + "\x00" + l.place }

var ansiColour = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// Prefixes, which nest. What follows them may be indented, so each takes one
// space at most.
var (
	// vLLM and Ray: (APIServer pid=1), (EngineCore_DP0 pid=1), (VllmWorker-0
	// pid=1), (VllmWorker rank=0 pid=1), (RayWorkerWrapper pid=1, ip=10.0.0.2).
	pidPrefix = regexp.MustCompile(`^\((?:([A-Za-z_][\w.:#\-]*)[ ,]+)?(?:\w+=[^\s,()]+[ ,]+)*pid=\d+(?:, ?\w+=[^\s,()]+)*\) ?`)
	// Ray and others: (raylet), (autoscaler +7s).
	namePrefix = regexp.MustCompile(`^\([A-Za-z][\w.:\-]{0,40}(?: \+\w+)?\) `)
	// torch's launcher, an MPI, kubectl logs --prefix, SGLang.
	rankPrefix   = regexp.MustCompile(`^\[(?:rank|default)\d+\]: ?`)
	mpiPrefix    = regexp.MustCompile(`^\[\d+,\d+\]<\w+>:`)
	podPrefix    = regexp.MustCompile(`^\[[\w.\-]+(?:/[\w.\-]+)+\] `)
	sglangPrefix = regexp.MustCompile(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d((?: (?:DP|TP|PP|EP)\d+)*)\] ?`)
	// Times of docker logs -t, CRI, journald and syslog; srun -l.
	criPrefix     = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\S+ std(?:out|err) [FP] `)
	journalPrefix = regexp.MustCompile(`^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.,]*(?:Z|[+-]\d\d:?\d\d) [\w.\-]+ [\w.\-/@:]+\[\d+\]|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? [\w.\-]+ [\w.\-/@:]+?(?:\[\d+\])?): ?`)
	timePrefix    = regexp.MustCompile(`^(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?(?: \|)? ?`)
	boxedTime     = regexp.MustCompile(`^\[(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\] ?`)
	srunPrefix    = regexp.MustCompile(`^\d{1,4}: `)
	// docker compose and swarm, pm2; foreman and its like.
	composePrefix = regexp.MustCompile(`^(?:\d+\|)?([A-Za-z][\w.@\-]*) +\| ?`)
	boxPrefix     = regexp.MustCompile(`^\[([A-Za-z0-9][\w.\-]*)\] `)

	frontNames = regexp.MustCompile(`^(?i:api_?server|main|main_?process|front_?end|router)(?:$|[_\-\d])`)
	levelName  = regexp.MustCompile(`^(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|SUCCESS|TRACE)$`)
)

// Heads of log records.
var (
	vllmHead = regexp.MustCompile(`^(DEBUG|INFO|WARNING|ERROR|CRITICAL)(?: (?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?)? (?:\[([^\]]*)\]|(\S+:\d+)\]) ?`)
	webHead  = regexp.MustCompile(`^(DEBUG|INFO|WARNING|ERROR|CRITICAL):(?: +|[\w.]+:)`)
	dashHead = regexp.MustCompile(`^(?:- )?(?:[\w.\-]+ )?- (DEBUG|INFO|WARNING|ERROR|CRITICAL) - (?:[\w.]+ - )?`)
	barHead  = regexp.MustCompile(`^\|? ?(DEBUG|INFO|SUCCESS|WARNING|ERROR|CRITICAL) +\| (?:\S+ - )?`)
	boxHead  = regexp.MustCompile(`^\[(DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\]:? ?`)
	wordHead = regexp.MustCompile(`^(DEBUG|INFO|WARNING|ERROR|CRITICAL) `)
	keyHead  = regexp.MustCompile(`^(?:time=\S+ |ts=\S+ )?level=(\w+) (?:msg=)?`)
	// torch's C++ and glog: [W1130 22:34:15.41 utils.cpp:68], E0817 12:00:00.1 12 f.cc:3].
	glogHead = regexp.MustCompile(`^\[?([IWEF])\d{3,4} \d\d:\d\d:\d\d\S* +(?:\d+ )?(\S+:\d+)\] ?`)
	// llama.cpp's: minutes.seconds.milliseconds.microseconds and a letter.
	llamaHead = regexp.MustCompile(`^\d+\.\d\d\.\d{3}\.\d{3} ([DIWE]) (?:(?:srv|cmn|slot|que|main) +)?`)
	ncclHead  = regexp.MustCompile(`^\S+:\d+:\d+ \[\d+\] (?:\S+:\d+ )?NCCL (INFO|WARN|TRACE) `)
	// Python's warnings module.
	pythonWarning = regexp.MustCompile(`^\S*[/<]\S*:\d+: \w*Warning: `)
)

// progressBar is tqdm's, as often as it was drawn on one line: the text that
// follows belongs to somebody else.
var progressBar = regexp.MustCompile(`^.*(?:\d+/(?:\d+|\?) \[\d\d:\d\d|\d+it \[\d\d:\d\d)[^\]]*\]`)

// branches are the lines with which Python draws exception groups.
var branches = regexp.MustCompile(`^(?: +[|+] ?)+(?:-[-+ \d]*$)?`)

const maxPrefixes = 8

// parseLine takes a line apart:
//
//	(EngineCore pid=123) ERROR 08-17 12:00:01 [core.py:1346] text
func parseLine(s string) logLine { return parseWith(s, "") }

// parseWith strips one more prefix, which all lines of a log have in common.
func parseWith(s, common string) logLine {
	if strings.IndexByte(s, '\x1b') >= 0 {
		s = ansiColour.ReplaceAllString(s, "")
	}
	s = strings.TrimSuffix(s, "\r")
	var l logLine
	if strings.HasPrefix(s, `{"log":"`) { // docker's json-file driver
		var line struct{ Log string }
		if json.Unmarshal([]byte(s), &line) == nil {
			s = strings.TrimRight(line.Log, "\r\n")
		}
	}
	for range maxPrefixes {
		rest := l.prefix(s)
		if common != "" && len(rest) == len(s) && strings.HasPrefix(s, common) {
			rest = s[len(common):]
		}
		if len(rest) == len(s) && (strings.Contains(s, "it/s]") || strings.Contains(s, "s/it]")) {
			if bar := progressBar.FindString(s); bar != "" {
				l.bar, rest = true, strings.TrimLeft(s[len(bar):], ", ")
			}
		}
		if len(rest) == len(s) {
			break
		}
		s = rest
	}
	s = l.head(s)
	if l.level == "" || l.level == "ERROR" {
		s = s[len(branches.FindString(s)):]
	}
	l.text = strings.TrimRight(s, " \t")
	l.bar = l.bar && l.text == ""
	return l
}

// commonPrefix is what all lines begin with after the prefixes that are known,
// up to a character that ends words: some tool put it there. A log has none
// where its lines begin with records of one kind.
func commonPrefix(lines []string) string {
	const few = 5
	common, n := "", 0
	for _, s := range lines {
		var l logLine
		s = strings.TrimSuffix(ansiColour.ReplaceAllString(s, ""), "\r")
		for range maxPrefixes {
			s = l.prefix(s)
		}
		if strings.TrimSpace(s) == "" {
			continue
		}
		if n++; n == 1 {
			common = s
		}
		i := 0
		for i < min(len(common), len(s)) && common[i] == s[i] {
			i++
		}
		common = common[:i]
	}
	common = common[:strings.LastIndexAny(common, " :|])>")+1]
	var l logLine
	if l.head(common); n < few || strings.TrimSpace(common) == "" || l.level != "" || strings.HasPrefix(strings.TrimSpace(common), "File") {
		return ""
	}
	return common
}

// prefix notes what the first prefix tells and returns what follows it.
func (l *logLine) prefix(s string) string {
	if s == "" {
		return s
	}
	note := func(n int) string {
		l.source += s[:n]
		return s[n:]
	}
	switch c := s[0]; {
	case c == '(':
		if m := pidPrefix.FindStringSubmatch(s); m != nil {
			// Output of a worker may come through the engine core: the last
			// one is who spoke.
			l.front = frontNames.MatchString(m[1])
			l.deep = !l.front
			return note(len(m[0]))
		}
		if m := namePrefix.FindString(s); m != "" {
			return note(len(m))
		}
	case c == '[':
		if m := rankPrefix.FindString(s); m != "" {
			l.deep = true
			return note(len(m))
		}
		if m := sglangPrefix.FindStringSubmatch(s); m != nil {
			l.deep = l.deep || m[1] != ""
			l.source += m[1]
			return s[len(m[0]):]
		}
		if m := boxedTime.FindString(s); m != "" {
			return s[len(m):]
		}
		for _, p := range []*regexp.Regexp{mpiPrefix, podPrefix} {
			if m := p.FindString(s); m != "" {
				return note(len(m))
			}
		}
		if m := boxPrefix.FindStringSubmatch(s); m != nil && !levelName.MatchString(m[1]) {
			return note(len(m[0]))
		}
	case c >= '0' && c <= '9':
		for _, p := range []*regexp.Regexp{criPrefix, journalPrefix, timePrefix, srunPrefix} {
			if m := p.FindString(s); m != "" {
				return s[len(m):]
			}
		}
		if m := composePrefix.FindString(s); m != "" {
			return note(len(m))
		}
	case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
		if m := journalPrefix.FindString(s); m != "" {
			return s[len(m):]
		}
		if m := composePrefix.FindStringSubmatch(s); m != nil && !levelName.MatchString(m[1]) {
			return note(len(m[0]))
		}
	}
	return s
}

// head notes the level of a record and returns its text.
func (l *logLine) head(s string) string {
	if s == "" {
		return s
	}
	if m := vllmHead.FindStringSubmatch(s); m != nil {
		l.level, l.place = m[1], m[2]+m[3]
		return s[len(m[0]):]
	}
	if m := llamaHead.FindStringSubmatch(s); m != nil {
		l.level = map[string]string{"D": "DEBUG", "I": "INFO", "W": "WARNING", "E": "ERROR"}[m[1]]
		return s[len(m[0]):]
	}
	if m := webHead.FindStringSubmatch(s); m != nil {
		l.level, l.web = m[1], true
		return s[len(m[0]):]
	}
	if m := glogHead.FindStringSubmatch(s); m != nil {
		l.level = map[string]string{"I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL"}[m[1]]
		l.place = m[2]
		return s[len(m[0]):]
	}
	for _, p := range []*regexp.Regexp{dashHead, barHead, boxHead, keyHead, wordHead} {
		if m := p.FindStringSubmatch(s); m != nil {
			l.level = map[string]string{"WARN": "WARNING", "FATAL": "CRITICAL", "SUCCESS": "INFO"}[strings.ToUpper(m[1])]
			if l.level == "" {
				l.level = strings.ToUpper(m[1])
			}
			return s[len(m[0]):]
		}
	}
	if ncclHead.MatchString(s) || pythonWarning.MatchString(s) {
		l.level = "WARNING" // NCCL's INFO and TRACE are no more than that
	}
	return s
}
