-- One row for each clean game, from what is known once its opening has been played.
SELECT
  c.row_id,
  c.event_time,

  -- the players
  c.white_rating,
  c.black_rating,
  c.white_rating - c.black_rating                                              AS rating_difference,
  abs(c.white_rating - c.black_rating)                                         AS rating_gap,

  -- the game: minutes at the start, and seconds that each move adds
  c.rated,
  try_cast(split_part(c.increment_code, '+', 1) AS INT)                        AS base_minutes,
  try_cast(split_part(c.increment_code, '+', 2) AS INT)                        AS increment_seconds,

  -- the opening: its volume in the Encyclopaedia of Chess Openings, and how far it follows theory
  upper(substring(c.opening_eco, 1, 1))                                        AS opening_volume,
  CASE WHEN c.opening_name RLIKE '(?i)gambit' THEN 'gambit' ELSE 'quiet' END   AS opening_style,
  c.opening_ply

FROM clean AS c
