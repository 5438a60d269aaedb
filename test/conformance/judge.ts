/**
 * What was seen, held against what a case expects: the differences, in words. None means that it is as it should be.
 *
 * Pure.
 */
import type { Answer } from '../support/http-client.ts'
import type { Expectation, Match } from './case.ts'
import type { Reply } from './client.ts'
import type { SeenRequest } from './origin.ts'
import { cacheStatusParameters } from './structured.ts'

export interface Seen {
  /** Of every client that asked; one, but for `together`. */
  readonly replies: readonly Reply[]
  /** What the origin was asked, in order. */
  readonly asked: readonly SeenRequest[]
}

export interface Yardstick {
  /** The body of the origin's answer to that exchange. */
  bodyOf(exchange: number): string
  /** Fills in the places of a text. */
  fill(text: string): string
  readonly base: string
  /** How many seconds more than expected an Age may be. */
  readonly ageSlack: number
}

/** Cache-Status is not there: what the case asks cannot be told. */
export const NO_CACHE_STATUS = 'there is no Cache-Status'

export function faultsOf(expect: Expectation, seen: Seen, yardstick: Yardstick): string[] {
  const count = seen.asked.length
  const faults = [
    ...askedFaults(expect.asked, count),
    ...seen.replies.flatMap((reply) => replyFaults(expect, reply, yardstick)),
    ...originFaults(expect.origin, seen.asked.at(-1), yardstick),
  ]
  if (expect.hasDistinctBodies) {
    const bodies = new Set(seen.replies.map(({ final }) => final?.body.toString('latin1')))
    if (bodies.size < seen.replies.length) faults.push(`${seen.replies.length} clients shared ${bodies.size} bodies`)
  }
  if (expect.ifReused && count === 0) faults.push(...faultsOf(expect.ifReused, seen, yardstick))
  if (expect.ifAsked && count > 0) faults.push(...faultsOf(expect.ifAsked, seen, yardstick))
  for (const [status, more] of Object.entries(expect.ifStatus ?? {})) {
    if (seen.replies[0]?.final?.status === Number(status)) faults.push(...faultsOf(more, seen, yardstick))
  }
  return faults
}

function askedFaults(expected: Expectation['asked'], count: number): string[] {
  if (expected === undefined) return []
  const isRight = typeof expected === 'number' ? count === expected : count > 0 === expected
  return isRight
    ? []
    : [`the origin was asked ${count} times, not ${expected === true ? 'at least once' : Number(expected)}`]
}

function replyFaults(expect: Expectation, { final, interim, fault }: Reply, yardstick: Yardstick): string[] {
  if (final === undefined) return expect.status === undefined && isOnlyAboutOrigin(expect) ? [] : [fault ?? 'no answer']
  const faults: string[] = []
  if (expect.status !== undefined && ![expect.status].flat().includes(final.status)) {
    faults.push(`status ${final.status}, not ${[expect.status].flat().join(' or ')}`)
  }
  faults.push(...bodyFaults(expect, final, yardstick))
  faults.push(...fieldFaults(expect.fields ?? {}, final.rawHeaders, yardstick))
  if (expect.age !== undefined) faults.push(...ageFaults(expect.age, final, yardstick.ageSlack))
  if (expect.interim !== undefined) faults.push(...interimFaults(expect.interim, interim, yardstick))
  if (expect.cacheStatus !== undefined) faults.push(...cacheStatusFaults(expect.cacheStatus, final))
  return faults
}

function isOnlyAboutOrigin({ bodyOf, body, fields, age, interim, cacheStatus }: Expectation): boolean {
  return [bodyOf, body, fields, age, interim, cacheStatus].every((it) => it === undefined)
}

function bodyFaults(expect: Expectation, final: Answer, { bodyOf, fill }: Yardstick): string[] {
  const body = final.body.toString('latin1')
  const said = (wanted: string | RegExp) =>
    `the body is ${JSON.stringify(body.slice(0, 80))}${final.isWhole ? '' : ', cut'}, not ${String(wanted)}`
  const faults: string[] = []
  if (expect.bodyOf !== undefined && (!final.isWhole || body !== bodyOf(expect.bodyOf))) {
    faults.push(said(bodyOf(expect.bodyOf)))
  }
  if (
    expect.bodyIfWhole !== undefined &&
    final.isWhole &&
    final.status === 200 &&
    body !== bodyOf(expect.bodyIfWhole)
  ) {
    faults.push(`${said(bodyOf(expect.bodyIfWhole))}, and looks whole`)
  }
  if (typeof expect.body === 'string' && (!final.isWhole || body !== fill(expect.body))) faults.push(said(expect.body))
  if (expect.body instanceof RegExp && !expect.body.test(body)) faults.push(said(expect.body))
  return faults
}

function fieldFaults(
  expected: Readonly<Record<string, Match>>,
  lines: readonly (readonly [string, string])[],
  { fill }: Yardstick,
): string[] {
  return Object.entries(expected).flatMap(([name, match]) => {
    const values = lines.filter(([it]) => it.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
    return isMatch(match, values, fill) ? [] : [`${name} is ${shown(values)}, not ${shownMatch(match)}`]
  })
}

function isMatch(match: Match, values: readonly string[], fill: (text: string) => string): boolean {
  if (typeof match === 'boolean') return values.length > 0 === match
  const value = values.join(', ')
  if (match instanceof RegExp) return match.test(value)
  if (typeof match === 'string') return values.length > 0 && value === fill(match)
  return JSON.stringify(values) === JSON.stringify(match.map(fill))
}

const shown = (values: readonly string[]) => (values.length === 0 ? 'absent' : JSON.stringify(values.join(', ')))

function shownMatch(match: Match): string {
  if (typeof match === 'boolean') return match ? 'present' : 'absent'
  return match instanceof RegExp ? String(match) : JSON.stringify(match)
}

function ageFaults(expected: number, final: Answer, slack: number): string[] {
  const values = final.rawHeaders.filter(([name]) => name.toLowerCase() === 'age').map(([, value]) => value)
  const [value = ''] = values
  if (values.length !== 1 || !/^\d+$/.test(value)) return [`Age is ${shown(values)}, not one number`]
  const age = Number(value)
  return age >= expected && age <= expected + slack ? [] : [`Age is ${age}, not ${expected}`]
}

function interimFaults(
  expected: NonNullable<Expectation['interim']>,
  interim: readonly Answer[],
  yardstick: Yardstick,
): string[] {
  const statuses = interim.map(({ status }) => status)
  const wanted = expected.map(({ status }) => status)
  if (JSON.stringify(statuses) !== JSON.stringify(wanted)) return [`interim answers ${statuses}, not ${wanted}`]
  return expected.flatMap(({ fields = {} }, index) => fieldFaults(fields, interim[index]?.rawHeaders ?? [], yardstick))
}

function cacheStatusFaults(expected: NonNullable<Expectation['cacheStatus']>, final: Answer): string[] {
  const value = final.headers['cache-status']
  if (value === undefined) return [NO_CACHE_STATUS]
  const parameters = cacheStatusParameters(value)
  if (parameters === undefined) return [`Cache-Status is no structured list: ${value}`]
  return Object.entries(expected).flatMap(([name, wanted]) => {
    const found = parameters.get(name) ?? false
    const isRight = wanted instanceof RegExp ? wanted.test(String(found)) : found === wanted
    return isRight ? [] : [`Cache-Status has ${name}=${found}, not ${wanted}: ${value}`]
  })
}

function originFaults(expected: Expectation['origin'], seen: SeenRequest | undefined, yardstick: Yardstick): string[] {
  if (expected === undefined) return []
  if (seen === undefined) return ['the origin was not asked']
  const faults: string[] = []
  if (expected.method !== undefined && ![expected.method].flat().includes(seen.method)) {
    faults.push(`the origin was asked with ${seen.method}, not ${[expected.method].flat().join(' or ')}`)
  }
  if (expected.path !== undefined && seen.target !== yardstick.base + expected.path) {
    faults.push(`the origin was asked for ${seen.target}, not ${yardstick.base}${expected.path}`)
  }
  if (expected.content !== undefined && seen.content !== expected.content) {
    faults.push(`the origin received ${JSON.stringify(seen.content)}, not ${JSON.stringify(expected.content)}`)
  }
  const ofRequest = fieldFaults(expected.fields ?? {}, seen.fields, yardstick)
  return [...faults, ...ofRequest.map((fault) => `at the origin ${fault}`)]
}
