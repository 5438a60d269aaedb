import { expect, test } from 'vitest'
import { hasPassed, pseudonymOf, viaWith } from '../../src/http/via.ts'

const NAME = 'shield-1a2b3c4d'

test('a pseudonym is the kind of proxy and what no other one has', () => {
  expect(pseudonymOf('shield', '1a2b3c4d')).toBe(NAME)
})

test('it goes behind what was received, in whose order nothing changes', () => {
  expect(viaWith([], '1.1', NAME)).toBe('1.1 shield-1a2b3c4d')
  expect(viaWith(['1.0 a, 1.1 b (c)', '2 d'], '1.1', NAME)).toBe('1.0 a, 1.1 b (c), 2 d, 1.1 shield-1a2b3c4d')
})

test.each([
  `1.1 ${NAME}`,
  `HTTP/1.1 ${NAME}`,
  `1.1 ${NAME.toUpperCase()}`,
  `1.0 a, 1.1 ${NAME}`,
  `1.0 a,1.1  ${NAME} (shield), 2 b`,
  `, ,1.1\t${NAME}\t,`,
  `1.0 a (one, two), 1.1 ${NAME}`,
])('%j has come through it', (via) => {
  expect(hasPassed(via, NAME)).toBe(true)
})

test.each([
  undefined,
  '',
  NAME,
  '1.1 shield',
  '1.1 shield-1a2b3c4e',
  `1.1 ${NAME}f`,
  `1.1 ${NAME}:80`,
  `1.1 ${NAME}.example`,
  `1.1 other (${NAME})`,
  `1.1 other ${NAME}`,
  `1.1,${NAME}`,
])('%j has not', (via) => {
  expect(hasPassed(via, NAME)).toBe(false)
})
