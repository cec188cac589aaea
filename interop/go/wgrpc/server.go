package wgrpc

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"
)

// Server offers the methods of receivers that look like those of net/rpc.
type Server struct {
	// Whose status CONNECT is answered with.
	Family   Family
	services map[string]reflect.Value
}

// NewServer offers nothing yet.
func NewServer(family Family) *Server {
	return &Server{family, map[string]reflect.Value{}}
}

// Register offers the methods of a receiver.
func (s *Server) Register(name string, receiver any) {
	s.services[name] = reflect.ValueOf(receiver)
}

// ServeHTTP answers a CONNECT as the family does.
func (s *Server) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodConnect {
		http.Error(answer, "405 must CONNECT", http.StatusMethodNotAllowed)
		return
	}
	conn, _, err := answer.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.0 "+s.Family.Status+"\n\n"); err != nil {
		conn.Close()
		return
	}
	s.Serve(conn)
}

// Serve serves one connection until it ends.
func (s *Server) Serve(conn net.Conn) {
	defer conn.Close()
	// What this decoder reads beyond the Option is lost, as with the family's servers.
	var option Option
	if json.NewDecoder(conn).Decode(&option) != nil {
		return
	}
	family := WgRPC
	switch option.MagicNumber {
	case WgRPC.Magic:
	case GeeRPC.Magic:
		family = GeeRPC
	default:
		return
	}
	codec, err := NewCodec(option.CodecType, conn)
	if err != nil {
		return
	}
	session{s, family, codec, option.HandleTimeout, new(sync.Mutex)}.run()
}

// session is one connection behind its Option.
type session struct {
	server  *Server
	family  Family
	codec   *Codec
	within  time.Duration
	sending *sync.Mutex
}

func (s session) run() {
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		var header Header
		if s.codec.Read(&header) != nil {
			return
		}
		method, text := s.find(header.ServiceMethod)
		if text != "" {
			// The body is left in the stream, as the family's servers leave it.
			s.refuse(header, text)
			continue
		}
		argument := reflect.New(method.Type().In(0))
		if err := s.codec.Read(argument.Interface()); err != nil {
			s.refuse(header, err.Error())
			continue
		}
		calls.Add(1)
		go func() {
			defer calls.Done()
			s.call(header, method, argument.Elem())
		}()
	}
}

// find is the method of that name, or what is said if there is none.
func (s session) find(name string) (reflect.Value, string) {
	dot := strings.LastIndex(name, ".")
	if dot < 0 {
		return reflect.Value{}, s.family.IllFormed + name
	}
	service, isThere := s.server.services[name[:dot]]
	if !isThere {
		return reflect.Value{}, s.family.NoService + name[:dot]
	}
	method := service.MethodByName(name[dot+1:])
	if !method.IsValid() {
		return reflect.Value{}, s.family.NoMethod + name[dot+1:]
	}
	return method, ""
}

// call answers once, with what came first: the method's answer or the end of its time.
func (s session) call(header Header, method, argument reflect.Value) {
	reply := reflect.New(method.Type().In(1).Elem())
	done := make(chan error, 1)
	go func() {
		err, _ := method.Call([]reflect.Value{argument, reply})[0].Interface().(error)
		done <- err
	}()
	var late <-chan time.Time
	if s.within != 0 {
		late = time.After(s.within)
	}
	select {
	case err := <-done:
		if err != nil {
			s.refuse(header, err.Error())
			return
		}
		s.send(header, reply.Elem().Interface())
	case <-late:
		s.refuse(header, s.family.Late+s.within.String())
	}
}

func (s session) refuse(header Header, text string) {
	header.Error = text
	s.send(header, struct{}{})
}

func (s session) send(header Header, body any) {
	s.sending.Lock()
	defer s.sending.Unlock()
	if s.codec.Put(&header, body) == nil {
		// Whether it arrives is the reader's business.
		_ = s.codec.Flush()
	}
}
