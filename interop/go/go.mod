module ferrywire.test/interop

go 1.19
