-- One row for each clean flight, from what is known at its scheduled departure.
SELECT
  c.row_id,
  c.event_time,

  -- the schedule
  c.carrier,
  c.origin,
  c.dest,
  c.distance,
  c.sched_dep_time div 100 * 60 + c.sched_dep_time % 100                       AS departure_minute,
  c.sched_arr_time div 100 * 60 + c.sched_arr_time % 100                       AS arrival_minute,
  dayofweek(c.event_time)                                                      AS day_of_week,

  -- the aircraft and the airport it flies to
  c.year - p.year                                                              AS plane_age,
  p.seats,
  p.engine,
  a.lat                                                                        AS dest_latitude,
  a.lon                                                                        AS dest_longitude,

  -- the weather at departure, one hour before the scheduled hour
  w.temp,
  w.dewp,
  w.humid,
  w.wind_dir,
  w.wind_speed,
  w.wind_gust,
  w.precip,
  w.pressure,
  w.visib

FROM clean AS c
LEFT JOIN weather  AS w ON w.origin = c.origin AND w.time_hour = c.time_hour - INTERVAL 1 HOUR
LEFT JOIN planes   AS p ON p.tailnum = c.tailnum
LEFT JOIN airports AS a ON a.faa = c.dest
