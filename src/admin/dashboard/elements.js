/** Elements made and found. Text is only ever text: nothing that a path or a log line says becomes part of the page. */

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Readonly<Record<string, string>>} attributes
 * @param {...(Node | string)} children
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== '') element.setAttribute(attribute, value)
  }
  element.append(...children)
  return element
}

/**
 * One that the page has.
 * @template {Element} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function find(id, kind) {
  const element = document.getElementById(id)
  if (!(element instanceof kind)) throw new Error(`the page has no ${id}`)
  return element
}

/** Changes a text only where it differs, so that what is selected stays so. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/** Says how well it is, for the style sheet. @param {HTMLElement} element @param {'good' | 'warning' | 'error' | undefined} is */
export function rate(element, is) {
  if (is === undefined) element.removeAttribute('data-is')
  else element.dataset['is'] = is
}
