-- One row for each clean hour, from the calendar and the weather of that hour.
SELECT
  c.row_id,
  c.event_time,

  -- the calendar
  c.yr,
  c.season,
  c.mnth,
  c.hr,
  c.weekday,
  c.holiday,
  c.workingday,
  -- commuters ride on working days, others at noon: each hour of either is a category
  concat(CASE WHEN c.workingday = 1 THEN 'working' ELSE 'free' END, '-', lpad(c.hr, 2, '0')) AS hour_of_day_kind,

  -- the weather
  c.weathersit,
  c.temp,
  c.atemp,
  c.hum,
  c.windspeed

FROM clean AS c
