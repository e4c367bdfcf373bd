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
	"unsafe"

	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
)

const (
	// readSize takes some two hundred events in one system call.
	readSize = 64 << 10
	// batch is how many connections are read before others may have the processor.
	batch = 64
	// edge is EPOLLET, to which package syscall gives a sign.
	edge = 1 << 31
)

// loop reads all connections of a client in one goroutine. Go's own poller
// watches its epoll instance, as one file more. To wait in epoll_wait itself
// would cost more: the runtime would take the processor away from each such
// wait, and hand it back.
type loop struct {
	base   time.Time
	file   *os.File        // the epoll instance
	raw    syscall.RawConn // the same
	heads  heads
	buffer []byte
	stamps timed.Receiver
	clock  timed.Clock
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
	if err := syscall.SetNonblock(fd, true); err != nil { // what os.NewFile goes by
		syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	l := &loop{
		base: time.Now(), file: os.NewFile(uintptr(fd), "epoll"),
		buffer: make([]byte, readSize), conns: map[uint64]*conn{}, ended: make(chan struct{}),
	}
	if l.raw, err = l.file.SyscallConn(); err == nil {
		err = l.file.SetReadDeadline(time.Time{}) // reports whether Go's poller watches it
	}
	if err != nil {
		l.file.Close()
		return nil, err
	}
	go l.run()
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
	err := l.file.Close()
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
	control = l.raw.Control(func(fd uintptr) {
		err = os.NewSyscallError("epoll_ctl", syscall.EpollCtl(int(fd), syscall.EPOLL_CTL_ADD, k.fd, &event))
	})
	if err = errors.Join(control, err); err != nil {
		k.shut(err)
		return nil, err
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

// quiet reports whether there is nothing to read on a connection, whose mutex
// is held: neither bytes nor its end.
func (l *loop) quiet(k *conn) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(k.fd, b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return err == syscall.EAGAIN
		}
	}
}

// run reads what is ready until the epoll instance is closed.
func (l *loop) run() {
	defer close(l.ended)
	events := make([]syscall.EpollEvent, batch)
	n := 0
	poll := func(fd uintptr) bool {
		n = poll(fd, events)
		return n > 0
	}
	for l.raw.Read(poll) == nil {
		for _, e := range events[:n] {
			l.ready(uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32, e.Events)
		}
		if n == batch {
			runtime.Gosched() // there is more, but others have waited
		}
	}
}

// poll asks an epoll instance, without waiting, for connections that are ready.
func poll(fd uintptr, events []syscall.EpollEvent) int {
	// It does not block, so the scheduler need not know of the call.
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, fd,
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
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

// arrival turns a time stamp of the kernel into an offset.
func (l *loop) arrival(stamp int64) Arrival {
	now := time.Now()
	at := Arrival{Returned: now.Sub(l.base)}
	at.Received = at.Returned
	if lag, ok := l.clock.Lag(now, stamp); ok && lag <= at.Returned {
		at.Received, at.Stamped = at.Returned-lag, true
	}
	return at
}
