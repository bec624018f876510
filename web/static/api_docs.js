// The documentation of the API: swagger-ui over our own document. It asks our own host alone, as the CSP demands.
const place = document.getElementById('api-docs');

window.SwaggerUIBundle({
  domNode: place,
  url: place?.dataset.document,
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
