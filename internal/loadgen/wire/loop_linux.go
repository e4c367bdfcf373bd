//go:build linux && (amd64 || arm64)

package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
)

const (
	// readSize takes some two hundred events in one system call.
	readSize = 64 << 10
	// batch is how many connections are read before others may have the processor.
	batch = 64
	// edge is EPOLLET, which package syscall gives a sign.
	edge = 1 << 31
)

// loop reads all connections of a client in one goroutine, which waits in
// epoll_wait itself: watching the epoll instance by Go's own poller would take
// a thread less and four system calls an event more.
type loop struct {
	base   time.Time
	fd     int // the epoll instance
	wake   int // written to when the loop is to end
	heads  heads
	buffer []byte
	stamps timed.Receiver
	ended  chan struct{}

	mu    sync.Mutex
	conns map[uint64]*conn
	next  uint64
	why   error // the kernel does not stamp
}

func newLoop() (*loop, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("pipe2", err)
	}
	l := &loop{
		base: time.Now(), fd: fd, wake: ends[1],
		buffer: make([]byte, readSize), conns: map[uint64]*conn{}, ended: make(chan struct{}),
	}
	end := syscall.EpollEvent{Events: syscall.EPOLLIN} // of the number 0, which no connection has
	if err := syscall.EpollCtl(fd, syscall.EPOLL_CTL_ADD, ends[0], &end); err != nil {
		syscall.Close(fd)
		syscall.Close(ends[0])
		syscall.Close(ends[1])
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	go l.run(ends[0])
	return l, nil
}

func (l *loop) now() time.Duration { return time.Since(l.base) }

func (l *loop) unstamped() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

// close ends the reading and every exchange, and returns when it has.
func (l *loop) close() error {
	err := os.NewSyscallError("close", syscall.Close(l.wake))
	<-l.ended
	l.mu.Lock()
	left := make([]*conn, 0, len(l.conns))
	for _, k := range l.conns {
		left = append(left, k)
	}
	l.mu.Unlock()
	for _, k := range left {
		k.shut(net.ErrClosed)
	}
	return err
}

// add watches a new connection. Its socket is taken out of Go's poller, which
// would be woken by each of its bytes as well.
func (l *loop) add(tcp *net.TCPConn) (*conn, error) {
	defer tcp.Close()
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	why := timed.Ask(raw)
	k := &conn{loop: l, done: make(chan error, 1), writable: make(chan struct{}, 1)}
	control := raw.Control(func(fd uintptr) {
		n, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
		if k.fd = int(n); errno != 0 {
			err = os.NewSyscallError("fcntl", errno)
		}
	})
	if err = errors.Join(control, err); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.next++
	k.id = l.next
	l.conns[k.id] = k
	if why != nil {
		l.why = why
	}
	l.mu.Unlock()
	event := syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | edge,
		Fd:     int32(k.id), Pad: int32(k.id >> 32),
	}
	if err := syscall.EpollCtl(l.fd, syscall.EPOLL_CTL_ADD, k.fd, &event); err != nil {
		k.shut(err)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return k, nil
}

// remove closes a connection, whose mutex is held, and forgets it.
func (l *loop) remove(k *conn) {
	l.mu.Lock()
	delete(l.conns, k.id)
	l.mu.Unlock()
	syscall.Close(k.fd)
}

// write writes what the kernel has room for, maybe nothing.
func (l *loop) write(k *conn, p []byte) (int, error) {
	for {
		n, err := syscall.Write(k.fd, p)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("write", err)
		}
	}
}

// run reads what is ready until the other end of the pipe is closed.
func (l *loop) run(end int) {
	defer close(l.ended)
	defer syscall.Close(end)
	defer syscall.Close(l.fd)
	events := make([]syscall.EpollEvent, batch)
	for {
		n, err := syscall.EpollWait(l.fd, events, -1)
		if err != nil && err != syscall.EINTR {
			return // not possible with an instance of our own
		}
		for _, e := range events[:max(n, 0)] {
			id := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
			if id == 0 {
				return
			}
			l.ready(id, e.Events)
		}
		if n == batch {
			runtime.Gosched() // there is more, but others have waited
		}
	}
}

// ready handles what the kernel reports of a connection.
func (l *loop) ready(id uint64, events uint32) {
	l.mu.Lock()
	k := l.conns[id]
	l.mu.Unlock()
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.writing && events&syscall.EPOLLOUT != 0 {
		k.room()
	}
	l.read(k, events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0)
}

// read takes what has come on a connection, whose mutex is held. A read that
// does not fill the buffer has emptied the socket (man 7 epoll), and what comes
// later is a new event; only the end of the connection has to be read as well.
func (l *loop) read(k *conn, ending bool) {
	for k.dead == nil {
		n, stamp, errno := l.stamps.Receive(k.fd, l.buffer)
		switch {
		case errno == syscall.EAGAIN:
			return
		case errno != 0:
			k.finish(os.NewSyscallError("read", errno))
			return
		case n == 0:
			k.finish(io.EOF)
			return
		}
		k.take(l.buffer[:n], l.arrival(stamp))
		if n < len(l.buffer) && !ending {
			return
		}
	}
}

// arrival turns a time stamp of the kernel, which is by the wall clock, into
// an offset. Only its distance to now is used, so that a clock that is adjusted
// during the run does no harm.
func (l *loop) arrival(stamp int64) Arrival {
	now := time.Now()
	at := Arrival{Returned: now.Sub(l.base)}
	at.Received = at.Returned
	lag := time.Duration(now.UnixNano() - stamp)
	// A negative lag means that the wall clock was set back meanwhile.
	if stamp > 0 && lag >= 0 && lag <= at.Returned {
		at.Received, at.Stamped = at.Returned-lag, true
	}
	return at
}
