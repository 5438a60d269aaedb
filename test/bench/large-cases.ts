/** What is measured of large objects and of origins that break: every byte is checked, and every request counted. */

import type { Row } from './findings.ts'
import { fetchLazy, type LazyFetch, type ObjectName, startLazyOrigin } from './lazy-client.ts'
import { residentBytes } from './proc.ts'
import { startShield } from './shield-process.ts'

const MB = 1_000_000
const MIB = 1024 * 1024

const wholeOf = (answers: readonly LazyFetch[]) => answers.filter((it) => it.isWhole).length
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const ms = (value: number) => `${value.toFixed(1)} ms`
const times = <Value>(count: number, make: (index: number) => Value) =>
  Array.from({ length: count }, (_, index) => make(index))

/** The origin resets three of ten answers half way. */
export async function resetsHalfWay(): Promise<Row[]> {
  const [segments, length] = [300, MB]
  const origin = await startLazyOrigin()
  const shield = await startShield(origin.port, { memory: '1GiB', access: false })
  const answers: LazyFetch[] = []
  for (let from = 0; from < segments; from += 20) {
    const batch = times(20, (index) => fetchLazy(shield.port, { seed: from + index, length, resetPercent: 30 }))
    answers.push(...(await Promise.all(batch)))
  }
  const { bytesSent, resets } = await origin.counts()
  await shield.close()
  await origin.close()
  const whole = wholeOf(answers)
  const ratio = bytesSent / (segments * length)
  return [
    {
      what: `300 segments of 1 MB, 30 % of origin answers reset half way (${resets}): whole and byte-exact`,
      measured: `${whole} of ${segments}`,
      aim: 'all',
      isMet: whole === segments && resets > 0,
    },
    { what: '… origin bytes', measured: `${ratio.toFixed(3)}x`, aim: '≤ 1.1x', isMet: ratio <= 1.1 },
  ]
}

/** A player that seeks in a long film nobody has asked for yet, and a second one at the same place; several films. */
export async function seekInColdFile(): Promise<Row[]> {
  const film = { length: 1000 * MB, delayMs: 50, bytesPerSecond: 200 * MB }
  const there = { start: 700 * MB, end: 701 * MB }
  const origin = await startLazyOrigin()
  const shield = await startShield(origin.port, { memory: '256MiB', access: false })
  const [alone, first, second, probes]: [LazyFetch[], LazyFetch[], LazyFetch[], LazyFetch[]] = [[], [], [], []]
  // Connections are open on both sides after the first two, and code has run once; the films are cold.
  await fetchLazy(shield.port, { seed: 1, ...film }, there)
  await fetchLazy(origin.port, { seed: 1, ...film }, there)
  // The origin and this process make a film's noise when they first hear of it: not in one of the measured answers.
  for (const seed of FILMS) await fetchLazy(origin.port, { seed, length: 1 })
  const before = await origin.counts()
  for (const seed of FILMS) {
    alone.push(await fetchLazy(origin.port, { seed, ...film }, there))
    first.push(await fetchLazy(shield.port, { seed, ...film }, there))
  }
  const between = await origin.counts()
  for (const seed of FILMS) second.push(await fetchLazy(shield.port, { seed, ...film }, there))
  const afterSecond = await origin.counts()
  for (const seed of FILMS) probes.push(await fetchLazy(shield.port, { seed, ...film }, { start: 0, end: 2 }))
  const after = await origin.counts()
  await shield.close()
  await origin.close()
  // The direct requests ask for exactly their range.
  const asked = (after.bytesAsked - before.bytesAsked) / FILMS.length / MB - 1
  const requests = (after.requests - before.requests) / FILMS.length - 1
  const whole = wholeOf([...first, ...second, ...probes])
  const [firstMs, aloneMs, secondMs] = [first, alone, second].map((answers) => median(answers.map((it) => it.totalMs)))
  const ratio = (firstMs ?? 0) / (aloneMs ?? 0)
  return [
    {
      what: 'Cold 1 GB file: 1 MB at 700 MB, again, then bytes=0-1; 21 such files: whole answers',
      measured: `${whole} of ${3 * FILMS.length}`,
      aim: 'all',
      isMet: whole === 3 * FILMS.length,
    },
    {
      what: '… first answer, beside the origin alone (medians)',
      measured: `${ms(firstMs ?? 0)} / ${ms(aloneMs ?? 0)} = ${ratio.toFixed(2)}x`,
      aim: '≤ 1.2x',
      isMet: ratio <= 1.2,
    },
    {
      what: '… second answer, and origin requests it made',
      measured: `${ms(secondMs ?? 0)}, ${afterSecond.requests - between.requests}`,
      aim: '0 requests',
      isMet: afterSecond.requests === between.requests,
    },
    {
      what: '… asked of the origin in all, a file',
      measured: `${asked.toFixed(2)} MB in ${requests} requests`,
      aim: '≤ 3.5 MB in 2',
      isMet: asked <= 3.5 && requests <= 2,
    },
  ]
}

/** In turns, and enough of them that neither a collection of garbage nor a busy neighbour makes the medians. */
const FILMS = times(21, (index) => 11 + index)

/** Everyone wants another part of the same cold segment. */
export async function manyPlacesOfOneSegment(): Promise<Row[]> {
  const players = 200
  const segment: ObjectName = { seed: 8, length: 2 * MB, delayMs: 100, bytesPerSecond: 20 * MB }
  const origin = await startLazyOrigin()
  const shield = await startShield(origin.port, { memory: '256MiB', access: false })
  const partBytes = segment.length / players
  const answers = await Promise.all(
    times(players, (index) => {
      // Not in the order of the bytes.
      const start = ((index * 73) % players) * partBytes
      return fetchLazy(shield.port, segment, { start, end: start + partBytes })
    }),
  )
  const { requests, bytesSent } = await origin.counts()
  await shield.close()
  await origin.close()
  const whole = wholeOf(answers)
  const ratio = bytesSent / segment.length
  return [
    {
      what: '200 players at 200 places of one cold 2 MB segment: whole answers',
      measured: `${whole} of ${players}`,
      aim: 'all',
      isMet: whole === players,
    },
    {
      what: '… origin requests and bytes',
      measured: `${requests}, ${ratio.toFixed(3)}x`,
      aim: '≤ 3, ≤ 1.1x',
      isMet: requests <= 3 && ratio <= 1.1,
    },
  ]
}

/** A file many times larger than the memory goes through it. */
export async function largerThanMemory(): Promise<Row[]> {
  const film: ObjectName = { seed: 9, length: 2000 * MB }
  const origin = await startLazyOrigin()
  const shield = await startShield(origin.port, { memory: '256MiB', access: false })
  let peak = 0
  const sampling = setInterval(() => {
    peak = Math.max(peak, residentBytes(shield.pid))
  }, 100)
  const answer = await fetchLazy(shield.port, film, undefined, 50 * MB)
  clearInterval(sampling)
  const { requests, bytesSent } = await origin.counts()
  await shield.close()
  await origin.close()
  return [
    {
      what: '2 GB whole to one client at 50 MB/s, memory 256MiB: byte-exact',
      measured: `${answer.isWhole ? 'yes' : 'no'}, ${(answer.totalMs / 1000).toFixed(1)} s`,
      aim: 'yes',
      isMet: answer.isWhole,
    },
    {
      what: '… resident memory at most',
      measured: `${(peak / MIB).toFixed(0)} MiB`,
      aim: '< 406 MiB',
      isMet: peak < (256 + 150) * MIB,
    },
    {
      what: '… origin requests and bytes',
      measured: `${requests}, ${(bytesSent / film.length).toFixed(3)}x`,
      aim: '',
      isMet: true,
    },
  ]
}

/** Several such files at once: what one of them drops makes room for another. */
export async function severalLargerThanMemory(): Promise<Row[]> {
  const films = times(4, (index): ObjectName => ({ seed: 40 + index, length: 2000 * MB }))
  const origin = await startLazyOrigin()
  const shield = await startShield(origin.port, { memory: '256MiB', access: false })
  let peak = 0
  const sampling = setInterval(() => {
    peak = Math.max(peak, residentBytes(shield.pid))
  }, 100)
  const answers = await Promise.all(films.map((film) => fetchLazy(shield.port, film, undefined, 50 * MB)))
  clearInterval(sampling)
  await shield.close()
  await origin.close()
  const whole = wholeOf(answers)
  return [
    {
      what: '4 films of 2 GB at once, each whole to one client at 50 MB/s, memory 256MiB: byte-exact',
      measured: `${whole} of ${films.length}, ${(Math.max(...answers.map((it) => it.totalMs)) / 1000).toFixed(1)} s`,
      aim: 'all',
      isMet: whole === films.length,
    },
    {
      what: '… resident memory at most',
      measured: `${(peak / MIB).toFixed(0)} MiB`,
      aim: '≤ 456 MiB',
      isMet: peak <= (256 + 200) * MIB,
    },
  ]
}
