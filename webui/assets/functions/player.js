// Returns the audio player under the upload field, which plays the user's file unchanged. Gradio's own player would
// convert it with ffmpeg, if installed, and ffmpeg opens other local files that a playlist names. Behind a TLS proxy that
// does not forward the scheme, the URL from Gradio begins with http://, which an https page may not load; the file is on
// this server in any case, so the path is enough.
(texts) => (file, language) => {
  if (!file || !file.url) return "";
  const sentence = texts["page.unplayable"][language] || texts["page.unplayable"].en;
  const folder = file.url.replace(/^https?:\/\/[^/]*/, "").split("/file=")[0];
  // From the path, since Gradio encodes the URL of an upload but not that of the example.
  const source = `${folder}/file=${file.path.split("/").map(encodeURIComponent).join("/").replace(/'/g, "%27")}`;
  return `<audio controls preload="metadata" src="${source}"></audio>
    <p class="se-hint" hidden>${sentence}</p>`;
}
