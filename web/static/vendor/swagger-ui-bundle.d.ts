// What we use of swagger-ui: the function that its bundle puts on the window.
export {};

declare global {
  interface Window {
    SwaggerUIBundle(options: Record<string, unknown>): void;
  }
}
