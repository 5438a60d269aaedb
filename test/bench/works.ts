/** What is asked for while the CPU is counted, which answer is the right one, and what it may cost beside others. */

import { readFileSync } from 'node:fs'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { get as httpsGet } from 'node:https'
import { contentFor } from './content.ts'
import type { LoadTarget } from './load.ts'
import type { BareAnswer, Secure, ServerProcess } from './processes.ts'

const MB = 1_000_000

export interface Work {
  /** As given to `--only`. */
  readonly name: string
  readonly title: string
  readonly aim: Aim
  /** Of load before anything is counted: until code that is run often has been compiled for it. */
  readonly warmUpSeconds: number
}

/** Asks for the same thing again and again. */
export interface HitWork extends Work {
  readonly target: Extract<LoadTarget, { kind: 'same' }>
  readonly answer: BareAnswer
  /** Of the whole object. */
  readonly length: number
}

/** For CPU per request, of the shield with access records and metrics. */
export interface Aim {
  /** At most this many times the floor's. */
  readonly ofFloor?: number
  /** Less than each of these, where they are there. */
  readonly below?: readonly string[]
  /** No more than each of these, where they are there. */
  readonly notAbove?: readonly string[]
}

/** As the origin's objects are named: no delay, no pace. */
export const objectPath = (seed: number, length: number): string => `/${seed}-${length}-0-0.ts`

const [RANGE_START, RANGE_END] = [700_000, 1_200_000]

export const HIT_WORKS: readonly HitWork[] = [
  {
    ...whole(1000),
    name: 'hits/1kB',
    title: 'hit, 1 kB',
    warmUpSeconds: 1,
    aim: { ofFloor: 1.4, notAbove: ['nginx'] },
  },
  {
    ...whole(200_000),
    name: 'hits/200kB',
    title: 'hit, 200 kB',
    warmUpSeconds: 1,
    aim: { ofFloor: 1.12, below: ['Varnish', 'Traffic Server'] },
  },
  {
    ...whole(2 * MB),
    name: 'hits/2MB',
    title: 'hit, 2 MB',
    warmUpSeconds: 1,
    aim: { ofFloor: 1.08, below: ['Varnish', 'Traffic Server'] },
  },
  {
    name: 'hits/range',
    title: 'hit, 500 kB of 2 MB',
    target: {
      kind: 'same',
      path: objectPath(1, 2 * MB),
      fields: { Range: `bytes=${RANGE_START}-${RANGE_END - 1}` },
    },
    length: 2 * MB,
    answer: { status: 206, length: 2 * MB, start: RANGE_START, end: RANGE_END },
    warmUpSeconds: 1,
    aim: { below: ['Varnish'] },
  },
  {
    name: 'hits/304',
    title: 'hit, 304',
    target: { kind: 'same', path: objectPath(1, 1000), fields: { 'If-None-Match': '"1-1000"' } },
    length: 1000,
    answer: { status: 304 },
    warmUpSeconds: 1,
    aim: { notAbove: ['nginx'] },
  },
]

export interface TlsWork extends HitWork {
  readonly protocol: Secure['protocol']
}

export const TLS_WORKS: readonly TlsWork[] = [
  {
    ...whole(2 * MB),
    name: 'tls/http1',
    title: 'HTTPS hit, 2 MB, HTTP/1.1',
    protocol: 'http/1.1',
    warmUpSeconds: 1,
    aim: { ofFloor: 1.15 },
  },
  {
    ...whole(2 * MB),
    name: 'tls/h2',
    title: 'HTTPS hit, 2 MB, HTTP/2',
    protocol: 'h2',
    warmUpSeconds: 1,
    aim: { ofFloor: 1.15 },
  },
]

export const MISS_LENGTH = 200_000

/** Code that is asked once an answer takes its time to be compiled. */
const MISS_WARM_UP_SECONDS = 20
export const MISS_WORK: Work = {
  name: 'misses',
  title: 'miss, 200 kB',
  warmUpSeconds: MISS_WARM_UP_SECONDS,
  aim: { ofFloor: 0.84 },
}
/** The same with `transport: undici`. */
export const UNDICI_MISS_WORK: Work = {
  name: 'misses/undici',
  title: 'miss, 200 kB, transport: undici',
  warmUpSeconds: MISS_WARM_UP_SECONDS,
  aim: { ofFloor: 0.42 },
}

function whole(length: number): Pick<HitWork, 'target' | 'length' | 'answer'> {
  return { target: { kind: 'same', path: objectPath(1, length) }, length, answer: { status: 200, length } }
}

/** Asks as the work does, twice, and compares every byte. @throws Error saying what was wrong */
export async function checkAnswer(server: ServerProcess, { target, answer, length }: HitWork): Promise<void> {
  const expected = expectedBody(answer, contentFor(1, length))
  for (let times = 0; times < 2; times += 1) {
    const { status, body } = await fetchWhole(server, target.path, target.fields)
    if (status !== answer.status || !body.equals(expected)) {
      throw new Error(`${target.path} was answered with ${status} and ${body.length} bytes`)
    }
  }
}

/** So that it is in the memory of whoever keeps things. */
export async function fetchWhole(
  { port, secure }: Pick<ServerProcess, 'port' | 'secure'>,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | undefined; readonly body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; body: Buffer }>()
  const options = { port, host: '127.0.0.1', path, headers, agent: false } as const
  const onResponse = async (response: IncomingMessage) => {
    try {
      const chunks: Buffer[] = []
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
      resolve({ status: response.statusCode, body: Buffer.concat(chunks) })
    } catch (error) {
      reject(error)
    }
  }
  const request =
    secure === undefined
      ? httpGet(options, onResponse)
      : httpsGet({ ...options, ca: readFileSync(secure.certFile) }, onResponse)
  request.on('error', reject)
  return promise
}

function expectedBody(answer: BareAnswer, content: Buffer): Buffer {
  switch (answer.status) {
    case 200:
      return content
    case 206:
      return content.subarray(answer.start, answer.end)
    case 304:
      return Buffer.alloc(0)
    default:
      return answer satisfies never
  }
}
