import { describe, expect, test } from 'vitest'
import { compileSite, parseSite } from '../../src/http/site.ts'

const isMatch = (pattern: string, origin: string) => compileSite(parseSite(pattern) ?? '').test(origin)

describe('a pattern of sites', () => {
  test.each([
    ['https://*.example.com', 'https://a.example.com'],
    ['https://*.example.com', 'https://a-1.b_2.example.com'],
    ['https://*.example.com:8443', 'https://a.example.com:8443'],
    ['http://localhost:*', 'http://localhost'],
    ['http://localhost:*', 'http://localhost:5173'],
    ['http://[::1]:*', 'http://[::1]:3000'],
    ['https://*.example.com:*', 'https://www.example.com:1'],
  ])('%s matches %s', (pattern, origin) => {
    expect(isMatch(pattern, origin)).toBe(true)
  })

  test.each([
    ['https://*.example.com', 'https://example.com'],
    ['https://*.example.com', 'https://evilexample.com'],
    ['https://*.example.com', 'https://aXexample.com'],
    ['https://*.example.com', 'https://a.exampleXcom'],
    ['https://*.example.com', 'https://a.example.com.evil.test'],
    ['https://*.example.com', 'https://evil.test/.example.com'],
    ['https://*.example.com', 'https://evil.test#.example.com'],
    ['https://*.example.com', 'https://.example.com'],
    ['https://*.example.com', 'https://a..example.com'],
    ['https://*.example.com', 'http://a.example.com'],
    ['https://*.example.com', 'https://a.example.com:8443'],
    ['https://*.example.com', 'https://a.example.com\nhttps://evil.test'],
    ['http://localhost:*', 'http://localhost:5173.evil.test'],
    ['http://localhost:*', 'http://localhost:'],
    ['http://localhost:*', 'http://localhost.evil.test'],
  ])('%s does not match %j', (pattern, origin) => {
    expect(isMatch(pattern, origin)).toBe(false)
  })
})
