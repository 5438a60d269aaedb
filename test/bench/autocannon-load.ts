/** The load where wrk is missing: autocannon, told what a `NodeLoad` says. It takes more of the machine than wrk. */

import autocannon from 'autocannon'
import type { LoadTarget, NodeLoad, Seen } from './load.ts'
import { objectPath } from './works.ts'

const { url, target, connections, seconds } = JSON.parse(process.argv[2] ?? '') as NodeLoad
const startedMs = performance.now()
const result = await autocannon({
  url,
  connections,
  duration: seconds,
  // Certificates are made for the run, and checked by the other clients.
  tlsOptions: { rejectUnauthorized: false },
  requests: [requestOf(target)],
})
const seen: Seen = {
  requests: result.requests.total,
  bytes: result.throughput.total,
  micros: (performance.now() - startedMs) * 1000,
  p50: result.latency.p50 * 1000,
  p99: result.latency.p99 * 1000,
  // A 304 is no 2xx, and what was asked for.
  errors: result.errors + result['4xx'] + result['5xx'],
}
process.stdout.write(`${JSON.stringify(seen)}\n`)

function requestOf(it: LoadTarget): autocannon.Request {
  switch (it.kind) {
    case 'same':
      return { path: it.path, headers: { ...it.fields } }
    case 'distinct': {
      let seed = it.firstSeed
      return eachTime(() => {
        seed += 1
        return objectPath(seed, it.length)
      })
    }
    case 'among':
      return eachTime(() => objectPath(1 + Math.floor(Math.random() * it.count), it.length))
    default:
      return it satisfies never
  }
}

function eachTime(path: () => string): autocannon.Request {
  return { setupRequest: (request: autocannon.Request): autocannon.Request => ({ ...request, path: path() }) }
}
