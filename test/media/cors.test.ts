import { expect, test } from 'vitest'
import { type CorsRules, compileCors, isPreflight } from '../../src/media/cors.ts'

const RULES: CorsRules = {
  origins: ['*'],
  maxAgeSeconds: 86_400,
  allowsCredentials: false,
  allowHeaders: [],
  methods: ['GET', 'HEAD'],
}

const EXPOSED = 'Content-Length, Content-Range, Accept-Ranges, ETag, Age, Date, Cache-Status, Server-Timing'

function fields(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(pairs.flatMap((name, index) => (index % 2 === 0 ? [[name, pairs[index + 1] ?? '']] : [])))
}

test('every site gets one and the same array, with or without an Origin', () => {
  const cors = compileCors(RULES)
  expect(cors.fieldsFor('https://a.example')).toBe(cors.fieldsFor(undefined))
  expect(fields(cors.fieldsFor('https://a.example'))).toEqual({
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Expose-Headers': EXPOSED,
    'Timing-Allow-Origin': '*',
  })
})

test('a single named site is told to everybody, so that a cache in front keeps one copy', () => {
  const cors = compileCors({ ...RULES, origins: ['https://a.example'] })
  expect(cors.fieldsFor('https://b.example')).toBe(cors.fieldsFor('https://a.example'))
  expect(fields(cors.fieldsFor(undefined))).toMatchObject({ 'Access-Control-Allow-Origin': 'https://a.example' })
  expect(cors.fieldsFor(undefined)).not.toContain('Vary')
})

test('of several sites each gets its own array, the same one each time, and all of them vary', () => {
  const cors = compileCors({ ...RULES, origins: ['https://a.example', 'https://*.b.example'], allowsCredentials: true })
  const named = cors.fieldsFor('https://a.example')
  const matched = cors.fieldsFor('https://x.b.example')
  expect(cors.fieldsFor('https://a.example')).toBe(named)
  expect(cors.fieldsFor('https://x.b.example')).toBe(matched)
  expect(fields(matched)).toEqual({
    'Access-Control-Allow-Origin': 'https://x.b.example',
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Expose-Headers': EXPOSED,
    'Timing-Allow-Origin': 'https://x.b.example',
    Vary: 'Origin',
  })
  expect(fields(cors.fieldsFor('https://c.example'))).toEqual({
    'Access-Control-Expose-Headers': EXPOSED,
    Vary: 'Origin',
  })
  expect(cors.fieldsFor(undefined)).toBe(cors.fieldsFor('https://c.example'))
})

test('a single pattern varies', () => {
  const cors = compileCors({ ...RULES, origins: ['https://*.b.example'] })
  expect(cors.fieldsFor(undefined)).toContain('Vary')
})

test('among others, * is every site', () => {
  const cors = compileCors({ ...RULES, origins: ['https://a.example', '*'] })
  expect(fields(cors.fieldsFor('https://a.example'))).toMatchObject({ 'Access-Control-Allow-Origin': '*' })
})

test('sites that match a pattern are remembered in bounded number, and all of them are right', () => {
  const cors = compileCors({ ...RULES, origins: ['https://*.b.example'] })
  for (let index = 0; index < 2000; index += 1) {
    const site = `https://x${index}.b.example`
    expect(fields(cors.fieldsFor(site))['Access-Control-Allow-Origin']).toBe(site)
  }
  expect(cors.fieldsFor(`https://${'x.'.repeat(200)}b.example`)).toBe(cors.fieldsFor(undefined))
})

test('the fields of the route come along', () => {
  const routeFields = ['X-Content-Type-Options', 'nosniff']
  for (const origins of [['*'], ['https://*.b.example']]) {
    const cors = compileCors({ ...RULES, origins }, routeFields)
    expect(fields(cors.fieldsFor('https://a.b.example'))).toMatchObject({ 'X-Content-Type-Options': 'nosniff' })
    expect(fields(cors.fieldsFor(undefined))).toMatchObject({ 'X-Content-Type-Options': 'nosniff' })
  }
})

test('a preflight hears of the methods, of what players send, and how long to remember it', () => {
  expect(fields(compileCors(RULES).preflightFields)).toEqual({
    'Access-Control-Allow-Methods': 'GET, HEAD',
    'Access-Control-Allow-Headers':
      'Range, If-Range, If-None-Match, Authorization, CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session',
    'Access-Control-Max-Age': '86400',
  })
})

test('where content may be sent its type may be said, and no name is listed twice', () => {
  const cors = compileCors({ ...RULES, methods: ['GET', 'HEAD', 'PUT'], allowHeaders: ['X-Session', 'range'] })
  expect(fields(cors.preflightFields)['Access-Control-Allow-Headers']).toBe(
    'Range, If-Range, If-None-Match, Authorization, CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session, Content-Type, X-Session',
  )
})

test('a preflight is an OPTIONS with an Origin and a method it asks for', () => {
  const headers = { origin: 'https://a.example', 'access-control-request-method': 'GET' }
  expect(isPreflight('OPTIONS', headers)).toBe(true)
  expect(isPreflight('GET', headers)).toBe(false)
  expect(isPreflight('OPTIONS', { origin: 'https://a.example' })).toBe(false)
  expect(isPreflight('OPTIONS', { 'access-control-request-method': 'GET' })).toBe(false)
})
