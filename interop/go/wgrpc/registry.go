package wgrpc

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

// Beat registers a server, as often as it has to: it says what became of each time.
func Beat(registry string, family Family, address string, every time.Duration, said func(error)) {
	for {
		said(register(registry, family, address))
		time.Sleep(every)
	}
}

func register(registry string, family Family, address string) error {
	request, err := http.NewRequest(http.MethodPost, registry, nil)
	if err != nil {
		return err
	}
	request.Header.Set(family.Server, address)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || len(body) > 0) {
		err = fmt.Errorf("the registry answered %s and `%s`", response.Status, body)
	}
	return err
}

// Servers asks a registry for all servers, in its order.
func Servers(registry string, family Family) ([]string, error) {
	response, err := http.Get(registry)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	values := response.Header.Values(family.Servers)
	if response.StatusCode != http.StatusOK || len(values) != 1 {
		return nil, fmt.Errorf("the registry answered %s and %q", response.Status, values)
	}
	var found []string
	for _, server := range strings.Split(values[0], ",") {
		if server = strings.TrimSpace(server); server != "" {
			found = append(found, server)
		}
	}
	return found, nil
}

// AsPlace reads an address as registries have it, such as tcp@[::]:7001.
func AsPlace(server string) (Place, error) {
	network, address, found := strings.Cut(server, "@")
	if !found {
		return Place{}, errors.New("expected NETWORK@ADDRESS: " + server)
	}
	address = strings.Replace(address, "[::]:", "127.0.0.1:", 1)
	return Place{Network: network, Address: address, OverHTTP: network == "http"}, nil
}

// Registry is a registry of the family.
type Registry struct {
	Family  Family
	Timeout time.Duration
	mutex   sync.Mutex
	last    map[string]time.Time
}

func (r *Registry) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.last == nil {
		r.last = make(map[string]time.Time)
	}
	switch request.Method {
	case http.MethodGet:
		var alive []string
		for address, last := range r.last {
			if r.Timeout == 0 || last.Add(r.Timeout).After(time.Now()) {
				alive = append(alive, address)
			} else {
				delete(r.last, address)
			}
		}
		sort.Strings(alive)
		response.Header().Set(r.Family.Servers, strings.Join(alive, ","))
	case http.MethodPost:
		address := request.Header.Get(r.Family.Server)
		if address == "" {
			response.WriteHeader(http.StatusInternalServerError)
			return
		}
		r.last[address] = time.Now()
	default:
		response.WriteHeader(http.StatusMethodNotAllowed)
	}
}
