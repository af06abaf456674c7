-- One row for each clean accident, from what is known when it is reported.
WITH reported AS (
  SELECT
    *,
    -- the nearest weather report may be later than the accident; then it was not known
    coalesce(try_to_timestamp(Weather_Timestamp) <= event_time, false)         AS weather_known
  FROM clean
)
SELECT
  c.row_id,
  c.event_time,

  -- when
  hour(c.event_time)                                                           AS hour,
  dayofweek(c.event_time)                                                      AS day_of_week,
  month(c.event_time)                                                          AS month,
  year(c.event_time)                                                           AS year,
  c.Sunrise_Sunset                                                             AS daylight,

  -- where
  c.Start_Lat                                                                  AS latitude,
  c.Start_Lng                                                                  AS longitude,
  c.State                                                                      AS state,
  c.Street RLIKE 'I-[0-9]'                                                     AS interstate,
  c.Street RLIKE '(?i)I-[0-9]|US-[0-9]|fwy|freeway|expy|expressway|hwy|highway|pkwy|parkway|turnpike|tpke' AS main_road,
  c.Street RLIKE ' [NSEW]$'                                                    AS directed_road,
  c.Amenity                                                                    AS amenity,
  c.Crossing                                                                   AS crossing,
  c.Junction                                                                   AS junction,
  c.Railway                                                                    AS railway,
  c.Station                                                                    AS station,
  c.Stop                                                                       AS stop_sign,
  c.Traffic_Signal                                                             AS traffic_signal,

  -- the reporting source
  c.Source                                                                     AS source,

  -- the weather
  if(c.weather_known, c.`Temperature(F)`, NULL)                                AS temperature,
  if(c.weather_known, c.`Humidity(%)`, NULL)                                   AS humidity,
  if(c.weather_known, c.`Pressure(in)`, NULL)                                  AS pressure,
  if(c.weather_known, c.`Visibility(mi)`, NULL)                                AS visibility,
  if(c.weather_known, c.`Wind_Speed(mph)`, NULL)                               AS wind_speed,
  if(c.weather_known, c.`Precipitation(in)`, NULL)                             AS precipitation,
  if(c.weather_known AND c.Weather_Condition RLIKE '(?i)rain|snow|storm|drizzle|sleet|ice|wintry', 'wet', 'dry') AS sky

FROM reported AS c
