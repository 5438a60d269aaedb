/**
 * What a well-behaved origin makes of preconditions and a single range (RFC 9110 §13.2.2, §14.2), so that a case can
 * leave open whether the cache passes a client's conditions on, makes its own, or asks for the whole.
 *
 * Pure. Several ranges are ignored, as an origin may.
 */
import type { OriginAnswer } from './case.ts'
import type { SeenRequest } from './origin.ts'

type Lines = readonly (readonly [string, string])[]

interface Evaluated {
  readonly status: number
  readonly fields: Lines
  readonly body: string
}

const ABOUT_CONTENT = new Set(['content-length', 'content-type', 'content-encoding'])

/** @param fields of the answer as it would be without conditions */
export function evaluated(request: SeenRequest, answer: OriginAnswer, fields: Lines, body: string): Evaluated {
  const whole = { status: answer.status ?? 200, fields, body }
  const isSafe = request.method === 'GET' || request.method === 'HEAD'
  if (answer.evaluates !== true || whole.status !== 200 || !isSafe) return whole

  const asked = (name: string) => lineOf(request.fields, name)
  const etag = lineOf(fields, 'etag')
  const lastModified = lineOf(fields, 'last-modified')
  if (isUnmet(asked, etag, lastModified)) return { status: 412, fields: [], body: 'the precondition does not hold' }
  if (isUnmodified(asked, etag, lastModified)) {
    return { status: 304, fields: fields.filter(([name]) => !ABOUT_CONTENT.has(name.toLowerCase())), body: '' }
  }

  const range = asked('range')
  const ifRange = asked('if-range')
  const isAboutThis = ifRange === undefined || (ifRange === etag && !etag.startsWith('W/')) || ifRange === lastModified
  if (range === undefined || !isAboutThis || request.method !== 'GET') return whole
  return partOf(range, whole)
}

function lineOf(lines: Lines, name: string): string | undefined {
  const values = lines.filter(([it]) => it.toLowerCase() === name).map(([, value]) => value)
  return values.length === 0 ? undefined : values.join(', ')
}

type Asked = (name: string) => string | undefined

function isUnmet(asked: Asked, etag: string | undefined, lastModified: string | undefined): boolean {
  const ifMatch = asked('if-match')
  if (ifMatch !== undefined) return ifMatch !== '*' && (etag?.startsWith('W/') === true || !names(ifMatch, etag))
  const since = asked('if-unmodified-since')
  return since !== undefined && lastModified !== undefined && Date.parse(lastModified) > Date.parse(since)
}

function isUnmodified(asked: Asked, etag: string | undefined, lastModified: string | undefined): boolean {
  const ifNoneMatch = asked('if-none-match')
  if (ifNoneMatch !== undefined) return ifNoneMatch === '*' || names(ifNoneMatch, etag)
  const since = asked('if-modified-since')
  return since !== undefined && lastModified !== undefined && Date.parse(lastModified) <= Date.parse(since)
}

function names(list: string, etag: string | undefined): boolean {
  const opaque = (tag: string) => tag.replace(/^W\//, '')
  return etag !== undefined && (list.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => opaque(tag) === opaque(etag))
}

function partOf(range: string, whole: Evaluated): Evaluated {
  const asked = /^bytes=(\d*)-(\d*)$/.exec(range)
  if (asked === null || range === 'bytes=-') return whole
  const [, from = '', to = ''] = asked
  const length = whole.body.length
  const first = from === '' ? Math.max(0, length - Number(to)) : Number(from)
  const last = from === '' || to === '' ? length - 1 : Math.min(Number(to), length - 1)
  if (first >= length || first > last) {
    return { status: 416, fields: [['Content-Range', `bytes */${length}`]], body: '' }
  }
  return {
    status: 206,
    fields: [...whole.fields, ['Content-Range', `bytes ${first}-${last}/${length}`]],
    body: whole.body.slice(first, last + 1),
  }
}
