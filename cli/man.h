// Pages of the manual, as troff, from the verbs and their flags. `make man` writes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shoal::cli {

// "shoal", "shoal-run", "shoal-quota-set" …: all of section 1.
std::vector<std::string> man_page_names();
// "" when there is no such page.
std::string man_page(std::string_view name);

// `shoal __man` lists the names, `shoal __man NAME` prints one. The exit code.
int run_man(const std::vector<std::string>& words);

}  // namespace shoal::cli
