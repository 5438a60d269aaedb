/** Asks the admin API, and holds every answer against its own OpenAPI description. */
import Ajv2020 from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import { openApi } from '../../src/admin/openapi.ts'
import { type OpenAnswer, openRequest, request } from '../support/http-client.ts'

const description = JSON.parse(JSON.stringify(openApi()))
const ajv = new Ajv2020.default({ strict: false, formats: { 'date-time': true } })
ajv.addSchema(description, 'openapi')

export interface ApiAnswer {
  readonly status: number
  /** The values of its lines, one where it is no stream. */
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the test says
  readonly values: readonly any[]
}

/** @param content sent as JSON where it is given */
export async function askApi(
  port: number,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  content?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<ApiAnswer> {
  const body = content === undefined ? undefined : JSON.stringify(content)
  const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
  const answer = await request(port, { method, path, headers: { ...type, ...headers }, ...(body && { body }) })
  expect(answer.isWhole).toBe(true)
  const contentType = answer.headers['content-type'] ?? ''
  const lines = String(answer.body).trimEnd()
  const texts = contentType === 'application/jsonl' ? lines.split('\n') : [lines]
  const values = texts.map((text) => JSON.parse(text))
  const described = path.startsWith('/objects/') ? '/objects/{path}' : (path.split('?')[0] ?? '')
  for (const value of values) expectDescribed({ described, method, status: answer.status, contentType }, value)
  return { status: answer.status, values }
}

export interface Listener {
  readonly answer: OpenAnswer
  /** The content of the first `count` events of this name, once there are as many. */
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the test says
  events(name: 'history' | 'sample' | 'state', count: number): Promise<any[]>
  /** The names of all that have come whole. */
  names(): readonly string[]
}

/** Listens to the live figures; every event is held against the description. */
export async function listenTo(port: number, headers: Readonly<Record<string, string>> = {}): Promise<Listener> {
  const answer = await openRequest(port, { path: '/events', headers })
  const contentType = answer.headers['content-type'] ?? ''
  expect([answer.status, contentType]).toEqual([200, 'text/event-stream'])
  const all = () => {
    const texts = String(answer.received()).split('\n\n').slice(0, -1)
    return texts.map((text) => {
      const [, event = '', data = ''] = /^event: (.*)\ndata: (.*)$/.exec(text) ?? []
      return { event, data: JSON.parse(data) }
    })
  }
  return {
    answer,
    names: () => all().map(({ event }) => event),
    events: async (name, count) => {
      for (;;) {
        const named = all().filter(({ event }) => event === name)
        if (named.length >= count) {
          for (const one of named)
            expectDescribed({ described: '/events', method: 'GET', status: 200, contentType }, one)
          return named.slice(0, count).map(({ data }) => data)
        }
        const before = answer.received().length
        await answer.receivedBytes(before + 1)
        if (answer.received().length === before) throw new Error(`the stream ended before ${count} of ${name}`)
      }
    },
  }
}

interface Where {
  readonly described: string
  readonly method: string
  readonly status: number
  readonly contentType: string
}

function expectDescribed({ described, method, status, contentType }: Where, value: unknown): void {
  const operation = description.paths[described]?.[method.toLowerCase()]
  const responses = operation?.responses ?? description.paths['/health'].get.responses
  const named = String(status) in responses ? String(status) : 'default'
  const isReference = '$ref' in responses[named]
  const place = isReference
    ? responses[named].$ref.slice(1)
    : `/paths/${escaped(described)}/${method.toLowerCase()}/responses/${named}`
  const validate = ajv.getSchema(`openapi#${place}/content/${escaped(contentType)}/schema`)
  if (validate === undefined) throw new Error(`${method} ${described}: ${status} ${contentType} is not described`)
  validate(value)
  expect(validate.errors ?? [], JSON.stringify(value)).toEqual([])
}

/** RFC 6901, in a fragment. */
function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))
}
