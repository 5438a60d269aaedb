/** Asks the admin API, and holds every answer against its own OpenAPI description. */
import Ajv2020 from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import { openApi } from '../../src/admin/openapi.ts'
import { request } from '../support/http-client.ts'

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
