namespace rs echo

service Echo {
    binary say(1: required binary payload)
}
