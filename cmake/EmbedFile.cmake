# Run by shoal_embed: writes OUTPUT, which defines SYMBOL as the text of INPUT.
file(READ ${INPUT} text)
string(REGEX REPLACE "::[^:]*$" "" namespace ${SYMBOL})
string(REGEX REPLACE ".*::" "" name ${SYMBOL})
file(WRITE ${OUTPUT} "#include \"${HEADER}\"

namespace ${namespace} {

const std::string_view ${name} = R\"embedded(${text})embedded\";

}  // namespace ${namespace}
")
