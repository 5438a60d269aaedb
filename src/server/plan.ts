/**
 * Plan: which status, fields and bytes answer this request, given a stored answer. Pure; sends nothing.
 *
 * Preconditions first, then Range, as RFC 9110 §13.2.2 orders them. They apply to a stored 200 (and to the part of one
 * that came as a 206); any other status goes out as it is.
 */

import type { Body } from '../cache/body.ts'
import type { StoredResponse } from '../cache/stored-response.ts'
import type { Precondition, RequestConditions } from '../http/conditional.ts'
import { evaluatePreconditions, rangeApplies } from '../http/conditional.ts'
import type { ByteRange } from '../http/range.ts'
import { contentRange, selectRanges, unsatisfiedRange } from '../http/range.ts'

/** Bytes of our own (multipart boundaries, short texts), or a range of the stored body. */
export type Part = Buffer | ByteRange | 'whole'

export interface Plan {
  readonly status: number
  /** name, value, …: fields of this answer alone; lengths, ranges and, for texts and multipart, the media type. */
  readonly ownPairs: readonly string[]
  /** Which of the stored fields go out: all, all but the media type, or those a 304 is to carry. */
  readonly stored: 'all' | 'without-type' | 'not-modified' | 'none'
  readonly parts: readonly Part[]
}

export interface PlanRequest extends RequestConditions {
  readonly isHead: boolean
  readonly range: string | undefined
  /** A request for more ranges gets the whole body. @default 16 */
  readonly maxRanges?: number | undefined
  /** Separates the parts of a multipart answer; must not occur in the bytes, so it is random. */
  readonly boundary: () => string
}

const NOT_MODIFIED: Plan = { status: 304, ownPairs: [], stored: 'not-modified', parts: [] }

export function planAnswer(request: PlanRequest, response: StoredResponse): Plan {
  if (response.status === 200 || response.status === 206) {
    const precondition: Precondition = evaluatePreconditions(request, response)
    if (precondition === 'not-modified') return NOT_MODIFIED
    if (precondition === 'failed') return text(412, 'Precondition failed\n')
  }
  if (response.status === 200 && response.body.kind !== 'streamed' && !request.isHead && request.range !== undefined) {
    return planRange(request, response, response.body)
  }
  return planWhole(response)
}

function planWhole({ status, body }: StoredResponse): Plan {
  // RFC 9110 §8.6
  const ownPairs = body.length === undefined || status === 204 ? [] : ['Content-Length', String(body.length)]
  return { status, ownPairs, stored: 'all', parts: ['whole'] }
}

function planRange(request: PlanRequest, response: StoredResponse, body: Body): Plan {
  const { length } = body
  // RFC 9110 §14.2 lets a Range be ignored; no Content-Range can be given of what has no length yet.
  if (length === undefined || !rangeApplies(request, response)) return planWhole(response)
  const selection = selectRanges(request.range, length, request.maxRanges)
  switch (selection.kind) {
    case 'whole':
      return planWhole(response)
    case 'unsatisfiable':
      return text(416, 'Range not satisfiable\n', ['Content-Range', unsatisfiedRange(length)])
    case 'ranges': {
      const [only] = selection.ranges
      if (only === undefined) return planWhole(response)
      if (selection.ranges.length > 1) return planMultipart(selection.ranges, response, length, request.boundary())
      const ownPairs = ['Content-Length', String(only.end - only.start), 'Content-Range', contentRange(only, length)]
      return { status: 206, ownPairs, stored: 'all', parts: [only] }
    }
    default:
      return selection satisfies never
  }
}

/** RFC 9110 §14.6: each range with its own media type and Content-Range, between boundaries. */
function planMultipart(ranges: readonly ByteRange[], response: StoredResponse, length: number, boundary: string): Plan {
  const type = response.contentType === undefined ? '' : `Content-Type: ${response.contentType}\r\n`
  const parts: Part[] = []
  let totalBytes = 0
  for (const range of ranges) {
    const delimiter = `${parts.length === 0 ? '' : '\r\n'}--${boundary}\r\n`
    const head = Buffer.from(`${delimiter}${type}Content-Range: ${contentRange(range, length)}\r\n\r\n`, 'latin1')
    parts.push(head, range)
    totalBytes += head.length + range.end - range.start
  }
  const end = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1')
  parts.push(end)
  totalBytes += end.length
  const ownPairs = ['Content-Type', `multipart/byteranges; boundary=${boundary}`, 'Content-Length', String(totalBytes)]
  return { status: 206, ownPairs, stored: 'without-type', parts }
}

function text(status: number, message: string, morePairs: readonly string[] = []): Plan {
  const bytes = Buffer.from(message)
  const type = ['Content-Type', 'text/plain; charset=utf-8', 'X-Content-Type-Options', 'nosniff']
  const ownPairs = [...type, 'Content-Length', String(bytes.length), ...morePairs]
  return { status, ownPairs, stored: 'none', parts: [bytes] }
}
