/**
 * Patterns: requests as no audience makes them, each of which some policy does badly at. The memory has room for
 * `room` items of a size.
 */

import { randomNumbers } from '../support/random-numbers.ts'
import type { Item, Request } from './traffic.ts'
import { zipf } from './traffic.ts'

export const ITEM_BYTES = 1_000_000
const REQUEST_MS = 100

export interface Pattern {
  readonly name: string
  readonly make: (room: number, count: number) => readonly Request[]
}

/** One request after the other, at one pace. */
function asRequests(keys: Iterable<string>, sizeOf: (key: string) => number = () => ITEM_BYTES): Request[] {
  const items = new Map<string, Item>()
  const requests: Request[] = []
  for (const key of keys) {
    let item = items.get(key)
    if (item === undefined) {
      item = { key, bytes: sizeOf(key), isPlaylist: false, ttlMs: Number.POSITIVE_INFINITY }
      items.set(key, item)
    }
    requests.push({ atMs: requests.length * REQUEST_MS, item })
  }
  return requests
}

const generate = (count: number, next: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => next(index))

/** Some like it hot; every so often somebody reads through what nobody else wants. */
function scans(room: number, count: number): Request[] {
  const random = randomNumbers(2)
  const hot = zipf(room * 10, 0.9, random)
  return asRequests(generate(count, (index) => (index % (room * 8) < room * 2 ? `cold ${index}` : `hot ${hot()}`)))
}

/** The same round again and again. */
function loops(share: number) {
  return (room: number, count: number) => {
    const round = Math.floor(room * share)
    return asRequests(generate(count, (index) => `round ${index % round}`))
  }
}

/** Half of all requests are for what is never asked for again. */
function flood(room: number, count: number): Request[] {
  const random = randomNumbers(3)
  const hot = zipf(room * 10, 0.9, random)
  return asRequests(generate(count, (index) => (random() < 0.5 ? `once ${index}` : `hot ${hot()}`)))
}

/** What is popular is something else after a while. */
function shifting(everyRooms: number) {
  return (room: number, count: number) => {
    const random = randomNumbers(4)
    const hot = zipf(room * 10, 1, random)
    return asRequests(generate(count, (index) => `hot ${Math.floor(index / (room * everyRooms))} ${hot()}`))
  }
}

/** Popularity drifts: each request is for one of the newest, the newer the likelier. */
function drifting(room: number, count: number): Request[] {
  const random = randomNumbers(5)
  return asRequests(
    generate(count, (index) => `new ${Math.floor(index / 4) - Math.floor(-Math.log(1 - random()) * room * 0.5)}`),
  )
}

/** Everything is asked for twice, and so much else in between. */
function twice(distanceRooms: number) {
  return (room: number, count: number) => {
    const distance = Math.floor(room * distanceRooms)
    return asRequests(
      generate(count, (index) => `pair ${index % 2 === 0 ? index / 2 : Math.max(0, (index - 1) / 2 - distance)}`),
    )
  }
}

/** One in ten is asked for once more, when so much else was asked for that nobody wants again. */
function again(distanceRooms: number) {
  return (room: number, count: number) => {
    const distance = Math.floor((room * distanceRooms) / 9) * 10 - 5
    return asRequests(generate(count, (index) => `once ${index % 10 === 0 ? Math.max(0, index - distance) : index}`))
  }
}

function even(room: number, count: number): Request[] {
  const random = randomNumbers(6)
  return asRequests(generate(count, () => `any ${Math.floor(random() * room * 4)}`))
}

/** Sizes from a hundredth of the usual to four times that. */
function sizes(room: number, count: number): Request[] {
  const random = randomNumbers(7)
  const hot = zipf(room * 10, 0.8, random)
  const sizeOf = () => Math.floor(ITEM_BYTES * 4 * random() ** 3) + ITEM_BYTES / 100
  return asRequests(
    generate(count, () => `hot ${hot()}`),
    sizeOf,
  )
}

export const PATTERNS: readonly Pattern[] = [
  { name: 'scans through cold objects', make: scans },
  { name: 'a loop a tenth smaller than memory', make: loops(0.9) },
  { name: 'a loop a tenth larger than memory', make: loops(1.1) },
  { name: 'a loop three times as large', make: loops(3) },
  { name: 'one-hit flood: every other request', make: flood },
  { name: 'all other objects after 50 memories of requests', make: shifting(50) },
  { name: 'all other objects after 20', make: shifting(20) },
  { name: 'all other objects after 10', make: shifting(10) },
  { name: 'all other objects after 5', make: shifting(5) },
  { name: 'all other objects after 2', make: shifting(2) },
  { name: 'popularity that drifts', make: drifting },
  { name: 'everything twice, a quarter of memory apart', make: twice(0.25) },
  { name: 'everything twice, half of memory apart', make: twice(0.45) },
  { name: 'one in ten once more, half of memory later', make: again(0.5) },
  { name: 'one in ten once more, three quarters later', make: again(0.75) },
  { name: 'one in ten once more, nine tenths later', make: again(0.9) },
  { name: 'no popularity at all', make: even },
  { name: 'sizes of all kinds', make: sizes },
]
