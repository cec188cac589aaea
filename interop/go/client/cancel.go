package main

import (
	"fmt"
	"net/rpc"
	"time"

	"ferrywire.test/interop/zoo"
)

// cancelChecks withdraw a call by an ordinary request, as github.com/keegancsmith/rpc does. A server
// that does not know it answers an error and goes on.
func cancelChecks(understood bool) []check {
	if !understood {
		return []check{{"cancel/is_unknown_and_harmless", alone(func(client *rpc.Client) error {
			waiting := client.Go("Zoo.Slow", 300, new(int), nil)
			if err := refused(client, "_goRPC_.Cancel", &zoo.CancelArgs{Seq: 0}, "rpc: can't find service _goRPC_.Cancel"); err != nil {
				return err
			}
			return (<-waiting.Done).Error
		}), 0}}
	}
	return []check{
		{"cancel/of_no_call_is_harmless", alone(func(client *rpc.Client) error {
			for _, sequence := range []uint64{0, 12345, 1<<64 - 1} {
				if err := client.Call("_goRPC_.Cancel", &zoo.CancelArgs{Seq: sequence}, nil); err != nil {
					return err
				}
			}
			return works(client)
		}), 0},
		{"cancel/stops_the_call", alone(func(client *rpc.Client) error {
			// Takes the sequence number 0, which would not be in the bytes of a Cancel.
			if err := works(client); err != nil {
				return err
			}
			waiting := client.Go("Zoo.Slow", 60000, new(int), nil)
			if err := runningBecomes(client, 1); err != nil {
				return err
			}
			if err := client.Call("_goRPC_.Cancel", &zoo.CancelArgs{Seq: 1}, nil); err != nil {
				return err
			}
			if err := runningBecomes(client, 0); err != nil {
				return err
			}
			// Its caller is gone, so the server may answer an error or nothing.
			select {
			case call := <-waiting.Done:
				if call.Error == nil {
					return fmt.Errorf("got a reply to the withdrawn call")
				}
			default:
			}
			return works(client)
		}), 0},
		{"cancel/leaves_other_calls_alone", alone(func(client *rpc.Client) error {
			withdrawn := client.Go("Zoo.Slow", 60000, new(int), nil)
			kept := client.Go("Zoo.Slow", 500, new(int), nil)
			if err := client.Call("_goRPC_.Cancel", &zoo.CancelArgs{Seq: 0}, new(bool)); err != nil {
				return err
			}
			select {
			case call := <-kept.Done:
				return call.Error
			case <-withdrawn.Done:
				return (<-kept.Done).Error
			}
		}), 0},
	}
}

// runningBecomes asks until so many calls of Slow run, for at most ten seconds.
func runningBecomes(client *rpc.Client, expected int) error {
	running := -1
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		if err := client.Call("Zoo.Running", 0, &running); err != nil {
			return err
		}
		if running == expected {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("got %d calls of Slow running, expected %d", running, expected)
}
