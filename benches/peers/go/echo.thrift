namespace go echo

service Echo {
    binary Say(1: binary payload)
}
