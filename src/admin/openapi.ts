/** The admin API described for programs (OpenAPI 3.1), out of the schemas that its content is held against. */

import * as z from 'zod'
import { liveEvent } from './live-schemas.ts'
import {
  healthy,
  logLevel,
  objectFound,
  problemDetails,
  purgeBody,
  purged,
  ready,
  reloadBody,
  reloaded,
  reloadRefused,
  stats,
  warmBody,
  warmLine,
} from './schemas.ts'

type Json = Readonly<Record<string, unknown>>

/** JSON Schema 2020-12, which is the dialect of OpenAPI 3.1. */
function schemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { target: 'draft-2020-12' })
  return described
}

const json = (schema: z.ZodType) => ({ 'application/json': { schema: schemaOf(schema) } })
const problemOf = (schema: z.ZodType) => ({ 'application/problem+json': { schema: schemaOf(schema) } })
const PROBLEM = { $ref: '#/components/responses/Problem' }
const OK = (description: string, content: Json) => ({ description, content })
const NO_TOKEN_NEEDED = [{}, { bearer: [] }]

/** Of every endpoint that is for operators. */
const REFUSALS = { '401': PROBLEM, '421': PROBLEM, default: PROBLEM }

function reads(operationId: string, summary: string, content: Json, more: Json = {}): Json {
  return { operationId, summary, responses: { '200': OK(summary, content), ...REFUSALS }, ...more }
}

function changes(operationId: string, summary: string, body: z.ZodType, content: Json, more: Json = {}): Json {
  const refused = { '400': PROBLEM, '403': PROBLEM, '413': PROBLEM, '415': PROBLEM, ...more }
  const responses = { '200': OK(summary, content), ...refused, ...REFUSALS }
  return { operationId, summary, requestBody: { required: true, content: json(body) }, responses }
}

export function openApi(): Json {
  const excludes = {
    name: 'exclude',
    in: 'query',
    description: 'origins: their state is said, and does not decide.',
    schema: { type: 'array', items: { enum: ['origins'] } },
  }
  const path = {
    name: 'path',
    in: 'path',
    required: true,
    description: 'As clients ask for it, its query included, or a whole URL; slashes stay as they are.',
    schema: { type: 'string' },
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'segment-shield admin API',
      version: '1',
      description: 'Health, figures, purging, warming and reloading. Content of requests is application/json.',
    },
    security: [{}, { bearer: [] }],
    paths: {
      '/health': {
        get: {
          ...reads('health', 'The program lives', json(healthy)),
          security: NO_TOKEN_NEEDED,
        },
      },
      '/ready': {
        get: {
          operationId: 'ready',
          summary: 'Whether it should be sent requests',
          security: NO_TOKEN_NEEDED,
          parameters: [excludes],
          responses: {
            '200': OK('It is ready', json(ready)),
            '503': OK('It is not', json(ready)),
            '400': PROBLEM,
            ...REFUSALS,
          },
        },
      },
      '/stats': { get: reads('stats', 'Figures since the start', json(stats)) },
      '/events': {
        get: {
          operationId: 'events',
          summary: 'Figures of each second',
          responses: {
            '200': OK('Server-sent events, each by name and content', {
              'text/event-stream': { schema: schemaOf(liveEvent) },
            }),
            '503': PROBLEM,
            ...REFUSALS,
          },
        },
      },
      '/metrics': {
        get: reads('metrics', 'Figures in the text format of Prometheus', {
          'text/plain': { schema: { type: 'string' } },
        }),
      },
      '/purge': { post: changes('purge', 'Takes out of memory, or declares stale', purgeBody, json(purged)) },
      '/warm': {
        post: changes('warm', 'Fetches ahead; a line an object as it is there, and one at the end', warmBody, {
          'application/jsonl': { schema: schemaOf(warmLine) },
        }),
      },
      '/reload': {
        post: changes('reload', 'Reads the configuration and the certificates again', reloadBody, json(reloaded), {
          '422': OK('What was read cannot be used; nothing has changed', problemOf(reloadRefused)),
          '501': PROBLEM,
          '502': OK('New keys could not be tried; nothing has changed', problemOf(reloadRefused)),
          '503': PROBLEM,
        }),
      },
      '/objects/{path}': {
        get: reads('object', 'What is stored of a path', json(objectFound), { parameters: [path] }),
      },
      '/log-level': {
        get: reads('logLevel', 'The level of the log', json(logLevel)),
        put: changes('setLogLevel', 'Changes the level of the log', logLevel, json(logLevel)),
      },
      '/openapi.json': {
        get: reads('openapi', 'This description', { 'application/json': { schema: { type: 'object' } } }),
      },
    },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      responses: {
        Problem: {
          description: 'Why not (RFC 9457)',
          content: problemOf(problemDetails),
        },
      },
    },
  }
}
