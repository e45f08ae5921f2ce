"""Where places lie, what their electricity emits, and how long a packet takes between them.

Grid intensity in g CO2e/kWh: `GoogleCloudPlatform/region-carbon-info`, 2024 (Apache-2.0), rounded; of the same grid
where Google has no region; Dublin: Ireland 2023 in `codecarbon` 3.3.2 (MIT). Read on 2026-11-22.

Latency in ms, there and back: the 45 pairs of ten metropolitan areas in `MEASURED` as IBM Cloud measured them from 27
July to 25 August 2024 (`ibm-cloud-docs/vpc`, network latency; of both directions the longer). All others are estimates:
5 ms and 15 ms for each 1,000 km of great circle, which has the least absolute error on the measured ones (median 7 ms;
between Europe and Japan, where cables go round, it would be up to 110 ms too low). Within one area: 2 ms.
"""

METROS: dict[str, tuple[int, int, int]] = {
    # name: latitude and longitude in hundredths of a degree, g CO2e/kWh
    "amsterdam": (5237, 490, 209),
    "ashburn": (3904, -7749, 323),
    "atlanta": (3375, -8439, 340),
    "berlin": (5252, 1341, 276),
    "brussels": (5085, 435, 103),
    "cape-town": (-3392, 1842, 657),
    "changhua": (2405, 12052, 439),
    "charleston": (3278, -7993, 576),
    "columbus": (3996, -8300, 323),
    "council-bluffs": (4126, -9586, 413),
    "dallas": (3278, -9680, 303),
    "dammam": (2643, 5010, 382),
    "delhi": (2861, 7721, 532),
    "doha": (2529, 5153, 366),
    "dublin": (5335, -626, 291),
    "eemshaven": (5344, 683, 209),
    "frankfurt": (5011, 868, 276),
    "hamina": (6057, 2720, 39),
    "hong-kong": (2232, 11417, 505),
    "jakarta": (-621, 10685, 561),
    "johannesburg": (-2620, 2805, 657),
    "las-vegas": (3617, -11514, 357),
    "london": (5151, -13, 106),
    "los-angeles": (3405, -11824, 169),
    "madrid": (4042, -370, 89),
    "melbourne": (-3781, 14496, 454),
    "milan": (4546, 919, 202),
    "montreal": (4550, -7357, 5),
    "mumbai": (1908, 7288, 679),
    "osaka": (3469, 13550, 296),
    "paris": (4886, 235, 16),
    "queretaro": (2059, -10039, 305),
    "salt-lake-city": (4076, -11189, 555),
    "san-jose": (3734, -12189, 169),
    "santiago": (-3345, -7067, 238),
    "sao-paulo": (-2355, -4663, 67),
    "seoul": (3757, 12698, 357),
    "singapore": (135, 10382, 367),
    "stockholm": (5933, 1807, 3),
    "sydney": (-3387, 15121, 498),
    "tel-aviv": (3209, 3478, 434),
    "the-dalles": (4559, -12118, 79),
    "tokyo": (3568, 13969, 453),
    "toronto": (4365, -7938, 59),
    "tulsa": (3615, -9599, 372),
    "turin": (4507, 769, 202),
    "warsaw": (5223, 2101, 643),
    "zurich": (4738, 854, 15),
}

MEASURED = ("dallas", "toronto", "ashburn", "frankfurt", "london", "madrid", "osaka", "sydney", "tokyo", "sao-paulo")
"""Between these, times are measured."""

ROUND_TRIPS = """
2 98 2 111 18 2 14 106 119 2 8 99 111 15 2 150 196 201 149 148 2 147 196 201 140 149 193 2 108 16 11 116 108 195 205 2
102 12 16 110 103 203 192 18 2 112 29 25 119 113 220 183 30 21 2 124 31 22 131 124 217 193 29 27 19 2 76 169 182 68 76
117 110 179 173 181 193 2 100 186 197 92 101 145 70 197 187 188 202 45 2 79 172 185 71 78 117 108 181 175 183 196 8 44
2 16 87 100 25 17 155 155 97 91 101 113 87 111 90 2 8 99 112 12 10 152 145 109 103 112 124 75 98 77 18 2 10 91 116 11
10 146 146 113 107 117 123 71 97 74 21 11 2 29 110 123 23 32 163 123 121 113 119 132 68 82 70 37 27 30 2 144 201 207
136 146 183 15 211 198 189 201 102 61 100 153 142 142 120 2 175 250 256 167 176 147 60 260 247 238 248 112 80 109 186
173 172 156 54 2 140 201 209 138 138 24 176 202 209 225 225 100 126 99 147 141 135 150 166 134 2 134 55 47 140 135 242
172 53 47 31 31 198 195 201 124 134 139 136 181 224 251 2 10 75 107 19 10 150 152 103 98 108 113 80 106 83 12 13 13 34
149 181 141 131 2 139 60 52 145 140 246 171 58 53 37 35 203 198 205 130 139 145 140 180 222 255 11 136 2 27 88 109 33
25 134 167 105 102 115 122 82 114 85 27 30 29 51 163 188 127 140 27 145 2 253 250 239 245 254 160 115 244 244 228 222
188 158 185 263 251 250 231 116 83 160 202 259 197 265 2 17 107 120 18 15 138 150 116 112 123 134 68 97 71 26 19 13 36
145 171 128 145 19 151 23 249 2 87 17 29 95 88 196 187 28 20 33 42 158 174 161 76 88 93 99 191 240 199 59 83 64 88 256
97 2 108 198 210 99 108 129 79 208 200 203 217 42 22 40 119 106 103 93 69 75 110 212 113 215 118 152 102 186 2 143 172
175 137 146 220 33 180 167 156 150 125 87 124 148 141 232 119 42 87 202 144 244 143 257 127 149 164 100 2 11 98 111 18
9 145 153 107 102 113 124 77 104 80 17 14 12 36 149 179 136 136 10 141 21 257 15 88 110 150 2 143 50 37 150 143 213
205 42 46 40 26 213 223 216 132 144 148 153 214 255 226 39 139 40 141 208 152 60 238 177 143 2 125 49 43 131 127 239
170 49 42 25 29 190 189 192 116 125 131 127 178 224 245 14 122 19 132 209 137 52 205 142 127 42 2 137 63 56 142 138
252 164 62 55 39 40 198 191 200 128 137 142 137 172 215 259 14 134 12 145 195 149 66 208 136 140 47 19 2 185 126 119
193 183 124 283 116 129 135 123 220 259 221 177 188 187 209 285 239 143 140 180 140 166 174 183 137 246 269 180 107
144 147 2 152 119 118 159 150 100 286 113 125 137 146 182 221 183 146 155 198 177 276 239 116 152 188 154 209 201 148
127 212 293 146 119 152 161 44 2 133 172 177 127 136 211 29 181 168 158 170 112 75 112 139 131 133 109 36 84 192 149
138 149 155 134 138 163 89 17 139 183 147 141 280 280 2 162 238 245 154 163 150 51 248 236 228 240 101 67 98 173 160
159 142 44 19 135 218 168 217 176 96 159 227 64 79 166 251 217 210 251 245 75 2 22 105 117 17 24 161 131 115 108 115
127 71 89 74 29 19 23 13 128 163 148 133 26 138 44 239 30 93 98 126 28 148 125 135 201 169 116 150 2 255 214 229 246
256 170 113 235 233 218 186 194 161 191 263 252 250 231 116 87 171 191 261 186 275 16 253 245 157 122 259 199 199 184
175 328 130 100 239 2 54 147 160 48 54 118 129 156 151 161 173 29 66 32 65 54 49 53 121 136 103 182 58 187 58 212 45
137 66 139 54 192 173 184 203 164 126 124 54 218 2 125 59 56 129 126 251 156 62 52 36 43 184 178 186 116 124 130 123
164 210 253 22 123 25 134 202 137 60 195 129 128 55 19 19 157 166 133 203 122 192 171 2 144 166 171 139 147 226 39 175
163 151 143 130 93 129 149 142 233 120 48 92 208 139 244 137 258 128 151 161 106 9 151 172 137 130 264 284 22 85 128
115 142 123 2 95 19 23 102 95 202 188 23 13 26 34 165 179 168 84 96 93 105 193 242 205 52 83 57 108 249 105 13 192 169
95 53 45 59 134 129 164 230 100 215 144 54 162 2 118 30 21 126 119 217 190 28 23 14 11 188 197 191 108 119 124 126 197
244 225 31 115 35 120 225 129 37 211 163 119 32 27 40 128 131 166 236 122 215 168 40 158 30 2 18 106 119 19 15 138 151
115 111 122 132 69 99 72 25 19 13 37 147 173 128 145 19 150 21 251 7 96 104 151 14 151 136 148 181 146 140 161 31 255
46 136 152 103 128 2 21 113 126 13 22 149 133 123 116 125 137 61 84 64 32 19 18 20 129 159 136 145 27 150 39 237 22
102 92 132 25 157 136 146 200 165 121 146 17 239 43 133 134 109 132 24 2 14 105 118 15 12 141 149 114 110 120 131 69
97 72 24 15 10 33 145 172 131 143 17 148 24 250 8 95 103 147 12 150 134 146 184 149 137 159 27 254 47 134 149 102 126
9 21 2
"""
"""Milliseconds: of each of `METROS`, to those before it and to itself."""

REGIONS: dict[str, str] = {
    "": """
        eu-central:frankfurt eu-de:frankfurt eu-fr:paris eu-north:stockholm eu-south:milan eu-uk:london
        eu-west:amsterdam us-central:council-bluffs us-east:ashburn us-south:dallas us-west:the-dalles
        ca-east:montreal sa-east:sao-paulo ap-northeast:tokyo ap-south:mumbai ap-southeast:singapore
        ap-east:hong-kong au-southeast:sydney me-central:doha af-south:johannesburg
    """,
    "aws": """
        us-east-1:ashburn us-east-2:columbus us-west-1:san-jose us-west-2:the-dalles ca-central-1:montreal
        eu-west-1:dublin eu-west-2:london eu-west-3:paris eu-central-1:frankfurt eu-central-2:zurich
        eu-north-1:stockholm eu-south-1:milan eu-south-2:madrid ap-east-1:hong-kong ap-south-1:mumbai
        ap-southeast-1:singapore ap-southeast-2:sydney ap-southeast-3:jakarta ap-southeast-4:melbourne
        ap-northeast-1:tokyo ap-northeast-2:seoul ap-northeast-3:osaka sa-east-1:sao-paulo af-south-1:cape-town
        il-central-1:tel-aviv
    """,
    "azure": """
        eastus:ashburn eastus2:ashburn centralus:council-bluffs southcentralus:dallas canadacentral:toronto
        canadaeast:montreal brazilsouth:sao-paulo northeurope:dublin westeurope:amsterdam uksouth:london
        francecentral:paris germanywestcentral:frankfurt switzerlandnorth:zurich swedencentral:stockholm
        polandcentral:warsaw italynorth:milan spaincentral:madrid eastasia:hong-kong southeastasia:singapore
        japaneast:tokyo japanwest:osaka koreacentral:seoul australiaeast:sydney australiasoutheast:melbourne
        centralindia:mumbai southafricanorth:johannesburg qatarcentral:doha israelcentral:tel-aviv
    """,
    "gcp": """
        africa-south1:johannesburg asia-east1:changhua asia-east2:hong-kong asia-northeast1:tokyo
        asia-northeast2:osaka asia-northeast3:seoul asia-south1:mumbai asia-south2:delhi asia-southeast1:singapore
        asia-southeast2:jakarta australia-southeast1:sydney australia-southeast2:melbourne europe-central2:warsaw
        europe-north1:hamina europe-north2:stockholm europe-southwest1:madrid europe-west1:brussels
        europe-west10:berlin europe-west12:turin europe-west2:london europe-west3:frankfurt europe-west4:eemshaven
        europe-west6:zurich europe-west8:milan europe-west9:paris me-central1:doha me-central2:dammam
        me-west1:tel-aviv northamerica-northeast1:montreal northamerica-northeast2:toronto
        northamerica-south1:queretaro southamerica-east1:sao-paulo southamerica-west1:santiago
        us-central1:council-bluffs us-central2:tulsa us-east1:charleston us-east2:atlanta us-east4:ashburn
        us-east5:columbus us-south1:dallas us-west1:the-dalles us-west2:los-angeles us-west3:salt-lake-city
        us-west4:las-vegas
    """,
    "oci": """
        us-ashburn-1:ashburn us-sanjose-1:san-jose ca-toronto-1:toronto ca-montreal-1:montreal
        sa-saopaulo-1:sao-paulo eu-frankfurt-1:frankfurt eu-amsterdam-1:amsterdam eu-zurich-1:zurich
        eu-milan-1:milan eu-paris-1:paris eu-stockholm-1:stockholm eu-madrid-1:madrid uk-london-1:london
        ap-tokyo-1:tokyo ap-osaka-1:osaka ap-seoul-1:seoul ap-singapore-1:singapore ap-mumbai-1:mumbai
        ap-sydney-1:sydney ap-melbourne-1:melbourne af-johannesburg-1:johannesburg il-jerusalem-1:tel-aviv
    """,
}
"""Of each cloud, its regions and where they are; of none, names for own machines. A metro's name is good too."""
