@0xd06dd3a8b6f01f3a;

interface Echo {
  say @0 (payload :Data) -> (payload :Data);
}
