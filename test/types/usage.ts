// What checks of resource use and the counts of a release take.
import { containers, processes, prometheus, release, secret, text } from "fettle"
import * as docker from "fettle/docker"
import * as host from "fettle/host"

processes.within({ unit: "shop", memoryBytes: 1, restarts: 0, minSeconds: 30 })
processes.within({ pid: 1, against: "before the release", atMostTimes: { memoryBytes: 1.5, threads: 2 } })
// @ts-expect-error Type '"1h before"' is not assignable to type
processes.within({ pid: 1, against: "1h before" })
// @ts-expect-error 'networkBytesPerSecond' does not exist in type
processes.within({ pid: 1, networkBytesPerSecond: 1 })
// @ts-expect-error Type 'number' is not assignable to type
processes.within({ pid: 1, against: "before the release", atMostTimes: 2 })

containers.within({ container: "web", outOfMemoryKills: 0, atMostTimes: { networkBytesPerSecond: 2 } })
// @ts-expect-error Property 'container' is missing
containers.within({ memoryBytes: 1 })

const url = "http://metrics.test"
prometheus.query({ url, query: "up", min: 1 })
prometheus.query({ url: text`http://${"metrics.test"}`, query: "up", of: "smallest", min: 1 })
prometheus.query({ url, query: "up", against: "90s before", atMostTimes: 2, bearer: secret.env("TOKEN") })
// @ts-expect-error Type 'string' is not assignable to type
prometheus.query({ url, query: "up", max: 1, bearer: "token" })
// @ts-expect-error Type '"yesterday"' is not assignable to type
prometheus.query({ url, query: "up", against: "yesterday", atMostTimes: 2 })
// @ts-expect-error Type '"median"' is not assignable to type
prometheus.query({ url, query: "up", max: 1, of: "median" })

const run = () => []
const counts = { url, requests: 'a{v="{{version}}"}', bad: 'b{v="{{version}}"}' }
release("counted", {
  version: "1",
  run,
  metrics: { errors: { source: { from: "prometheus", on: host.local(), ...counts }, worstRate: 0.1 } },
  checks: () => ({ small: { probe: containers.within({ container: "web" }), on: docker.engine() } }),
})
// @ts-expect-error Property 'slowerThanMs' is missing
release("slow", { version: "1", run, metrics: { slow: { source: { from: "traffic", counts: "slow" } } } })
// @ts-expect-error Type '"nowhere"' is not assignable to type
release("nowhere", { version: "1", run, metrics: { errors: { source: { from: "nowhere", ...counts } } } })
