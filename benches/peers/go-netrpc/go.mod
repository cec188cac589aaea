module ferrywire.test/benches

go 1.22
