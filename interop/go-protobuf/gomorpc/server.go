package gomorpc

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"reflect"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
)

// Server answers calls of the methods of its services: exported ones of the form `func(argument, reply *Message)`.
//
// It ends, with its whole process, when it is asked for what it has not.
type Server struct {
	services map[string]map[string]*method
	// One reply at a time, whoever gets it.
	replies sync.Mutex
}

type method struct {
	run             reflect.Value
	argument, reply reflect.Type
}

// NewServer has no services yet.
func NewServer() *Server { return &Server{services: map[string]map[string]*method{}} }

// Register adds a service under the name of its type.
func (s *Server) Register(service any) {
	value := reflect.ValueOf(service)
	methods := map[string]*method{}
	for at := 0; at < value.NumMethod(); at++ {
		run := value.Method(at)
		methods[value.Type().Method(at).Name] = &method{run, run.Type().In(0).Elem(), run.Type().In(1).Elem()}
	}
	s.services[value.Elem().Type().Name()] = methods
}

// Accept serves every connection until the listener is closed.
func (s *Server) Accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			if err := s.serve(conn); err != nil && err != io.EOF {
				log.Print(err)
			}
			_ = conn.Close()
		}()
	}
}

func (s *Server) serve(conn net.Conn) error {
	bytes := make([]byte, len(greeting))
	if _, err := io.ReadFull(conn, bytes); err != nil {
		return err
	}
	var said Greeting
	if err := json.Unmarshal(bytes, &said); err != nil {
		return err
	}
	if said.MagicNumber != Magic {
		return nil
	}
	codec := newCodec(conn)
	for {
		header, bytes, err := codec.read()
		if err != nil {
			return err
		}
		go s.run(codec, header, bytes)
	}
}

func (s *Server) run(codec *codec, header Header, bytes []byte) {
	method := s.services[header.Service()][header.Method()]
	argument, reply := reflect.New(method.argument), reflect.New(method.reply)
	// A message that is damaged is what could be read of it.
	_ = proto.Unmarshal(bytes, argument.Interface().(proto.Message))
	done := make(chan struct{})
	go func() {
		method.run.Call([]reflect.Value{argument, reply})
		close(done)
	}()
	var late <-chan time.Time
	if timeout := header.Timeout(); timeout > 0 {
		late = time.After(time.Duration(timeout))
	}
	var number uint32
	select {
	case <-done:
	case <-late:
		number = TimedOut
	}
	header.set(4, number)
	s.replies.Lock()
	defer s.replies.Unlock()
	// The method goes on, and the reply is what it has put together by now.
	_ = codec.write(header, reply.Interface().(proto.Message))
}
